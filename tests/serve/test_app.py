"""The time that an answer may take."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator

import pytest

from lmcompare.serve import app
from lmcompare.serve.worker import Worker


def test_the_limit_is_that_of_a_whole_continuation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "SECONDS", 0.5)

    def drawn() -> Iterator[str]:
        for _ in range(20):
            time.sleep(0.1)
            yield "cat"

    async def lines() -> list[dict[str, str]]:
        return [json.loads(line) async for line in app._lines(drawn(), Worker())]

    *pieces, last = asyncio.run(lines())
    assert len(pieces) <= 5  # of 0.1 seconds each
    assert all(piece == {"text": "cat"} for piece in pieces)
    assert "0.5 s" in last["error"]
