"""Runs of experiments on a small text, with what was said and trained, for tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from lmcompare.harness import runner as cells
from lmcompare.harness.experiment import Experiment, shipped
from lmcompare.harness.overlay import overlaid
from lmcompare.harness.progress import Display
from lmcompare.lab import run as runner
from lmcompare.lab.run import Outcome, run_lab
from tests.conftest import called_here


class Said(Display):
    """Keeps what is said, the cells that were trained, and the shares that were done."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.trained: list[str] = []
        self.cells: list[str] = []
        self.shares: list[float] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence.replace("\u00a0", " "))

    def share(self, what: str, done: float) -> None:
        self.shares.append(done)

    def plan(self, cells: Sequence[str]) -> int:
        self.cells += cells
        return len(self.cells) - len(cells)

    def event(self, cell: int, event: dict) -> None:  # type: ignore[override, type-arg]
        if event.get("event") == "stage" and event.get("stage") == "starting":
            self.trained.append(self.cells[cell])


@contextmanager
def all_here() -> Iterator[None]:
    """Experiments are asked, timed and measured in this process."""
    with (
        patch.object(runner, "call", called_here),
        patch.object(cells, "call", called_here),
    ):
        yield


def plan(text: Path, seeds: tuple[int, ...] = (0,), **changed: Any) -> Experiment:
    """The quick preset on a text whose documents end with blank lines, with all of its words."""
    examples = {"sentences": 0, "prompts": (), "length": 1}
    made = shipped("quick", str(text)).replace(
        "here", **{"seeds": seeds, "threads": 1, "examples": examples} | changed
    )
    given = [("corpus.source", str(text)), ("corpus.documents", "blank-line"), ("tokens.min_count", 1)]
    return overlaid(made, given)


def ran(
    plugins: Path, text: Path, lab: Path, *names: str, seeds: tuple[int, ...] = (0, 1, 2), **options: Any
) -> tuple[Outcome, Said]:
    """Run experiments of a file in the folder of a laboratory."""
    show = Said()
    outcome = run_lab([f"{plugins}:{name}" for name in names], plan(text, seeds), lab, show, **options)
    return outcome, show
