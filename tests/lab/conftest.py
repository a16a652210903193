"""A small laboratory: a text, and plug-ins whose effects are known."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from lmcompare.harness import cost
from lmcompare.lab import described
from lmcompare.lab import run as runner
from tests.conftest import called_here

KNOWN = Path(__file__).with_name("known.py")


@pytest.fixture
def plugins_file(tmp_path: Path) -> Path:
    return Path(shutil.copy(KNOWN, tmp_path))


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Forty documents, of which the test text gets enough for intervals."""
    lines = ["the cat sat on the mat", "a dog saw the cat", "the dog ran", "a cat ran on the mat and sat"]
    documents = ["\n".join(lines[(d + k * (1 + d % 3)) % 4] for k in range(3 + d % 5)) for d in range(120)]
    path = tmp_path / "text.txt"
    path.write_text("\n\n".join(documents) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def measured_here() -> Iterator[None]:
    """Experiments are measured, and models probed, in this process."""

    with (
        patch.object(runner, "call", called_here),
        patch.object(cost, "call", called_here),
        patch.object(described, "call", called_here),
    ):
        yield
