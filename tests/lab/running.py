"""Runs of experiments on a small text, with what was said and trained, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lmcompare.harness import changes
from lmcompare.harness.experiment import Experiment
from lmcompare.harness.progress import Display
from lmcompare.lab.run import Outcome, run_lab


class Said(Display):
    """Keeps what is said, and the cells that were trained."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.trained: list[str] = []
        self.cells: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def plan(self, cells: Sequence[str]) -> int:
        self.cells += cells
        return len(self.cells) - len(cells)

    def event(self, cell: int, event: dict) -> None:  # type: ignore[override, type-arg]
        if event.get("event") == "stage" and event.get("stage") == "starting":
            self.trained.append(self.cells[cell])


def plan(text: Path, seeds: tuple[int, ...]) -> Experiment:
    made, _ = changes.started(None, "quick")
    made = made.replace("here", seeds=seeds, examples={"sentences": 0, "prompts": ()})
    made = changes.with_corpus(made, str(text), {"documents": "blank-line"})
    return changes.with_tokens(made, {"min_count": 1})


def ran(
    plugins: Path, text: Path, *names: str, seeds: tuple[int, ...] = (0, 1, 2), **options: Any
) -> tuple[Outcome, Said]:
    show = Said()
    outcome = run_lab(
        [f"{plugins}:{name}" for name in names], plan(text, seeds), text.parent / "lab", show, **options
    )
    return outcome, show
