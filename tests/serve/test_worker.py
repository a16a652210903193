"""Questions to the models: one at a time, whoever waits for the answer, and no answer takes for ever."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import anyio
import pytest

from lmcompare.errors import PluginError
from lmcompare.serve import app
from lmcompare.serve.app import Worker

T = TypeVar("T")


def in_a_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run it in a thread of its own: a browser of another test may have a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit, StopIteration])
def test_a_model_that_interrupts_is_one_error_and_hangs_alone(raised: type[BaseException]) -> None:
    async def ask() -> None:
        worker = Worker()

        def interrupts() -> None:
            assert threading.current_thread().daemon
            raise raised

        with anyio.fail_after(20), pytest.raises(PluginError, match=raised.__name__):
            await worker.ask(interrupts)
        assert await worker.ask(lambda: 5) == 5

    in_a_loop(ask())


def test_what_nobody_waits_for_is_finished_before_the_next_question_and_dropped_if_it_has_not_begun() -> None:
    done: list[str] = []
    begun, over = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        over.wait(20)
        done.append("slow")

    async def ask() -> None:
        worker = Worker()
        first = asyncio.create_task(worker.ask(slow))
        await asyncio.to_thread(begun.wait, 20)
        second = asyncio.create_task(worker.ask(lambda: done.append("dropped")))
        third = asyncio.create_task(worker.ask(lambda: done.append("next")))
        await asyncio.sleep(0)  # both ask
        first.cancel()
        second.cancel()
        await asyncio.sleep(0)
        assert done == []
        over.set()
        with anyio.fail_after(20):
            await third

    in_a_loop(ask())
    assert done == ["slow", "next"]


def test_the_limit_is_that_of_a_whole_continuation(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(app, "SECONDS", 500.0)
    monkeypatch.setattr(anyio, "current_time", lambda: now[0])

    def drawn() -> Iterator[str]:
        while True:
            now[0] += 200
            yield "cat"

    async def lines() -> list[dict[str, str]]:
        return [json.loads(line) async for line in app._lines(drawn(), Worker())]

    *pieces, last = in_a_loop(lines())
    assert pieces == 3 * [{"text": "cat"}]
    assert "500 s" in last["error"]
