"""A small laboratory: a text, and plug-ins whose effects are known."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

KNOWN = Path(__file__).with_name("known.py")


def write_plugins(place: Path) -> Path:
    return Path(shutil.copy(KNOWN, place))


def write_text(place: Path) -> Path:
    """120 documents, of which the test text gets enough for intervals."""
    lines = ["the cat sat on the mat", "a dog saw the cat", "the dog ran", "a cat ran on the mat and sat"]
    documents = ["\n".join(lines[(d + k * (1 + d % 3)) % 4] for k in range(3 + d % 5)) for d in range(120)]
    path = place / "text.txt"
    path.write_text("\n\n".join(documents) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A diffusion model makes no more pictures for a prompt than are shown."""
    from lmcompare.lab.diffusion.data import QUESTIONS
    from lmcompare.lab.diffusion.experiment import PICTURES

    questions: Any = QUESTIONS
    for name, question in QUESTIONS.items():
        monkeypatch.setitem(questions, name, replace(question, pictures=PICTURES))
