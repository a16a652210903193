"""A model that writes down what it is trained and scored on, and a text for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lmcompare.harness.experiment import Experiment
from tests.harness.small import small_experiment, write_text

PLUGIN = """
from pathlib import Path

import numpy as np

from lmcompare import LanguageModel, State

HERE = Path(__file__).parent


class Records(LanguageModel):
    '''Gives each token a share of its probability, and writes down whether a text that it scores has a zebra.'''

    def __init__(self, share: float = 1.0) -> None:
        if share > 1:
            raise ValueError(f"share is at most 1, not {share}")
        self.share = share

    def fit(self, train, valid, setting):
        with (HERE / "trained.txt").open("a") as file:
            file.write(f"{self.share}\\n")
        trained = len((HERE / "trained.txt").read_text().split())
        if (HERE / "stop").exists() and trained == int((HERE / "stop").read_text()):
            raise KeyboardInterrupt
        if (HERE / "fail").exists() and str(self.share) in (HERE / "fail").read_text().split():
            raise RuntimeError("out of luck")
        return self

    def next_log_probs(self, text, at):
        with (HERE / "scored.txt").open("a") as file:
            file.write(f"{self.share} {'zebra' in {text.vocabulary.tokens[i] for i in text.ids}}\\n")
        found = np.full((len(at), len(text.vocabulary)), np.log(self.share / len(text.vocabulary)))
        found[:, 0] = np.log(self.share / len(text.vocabulary) + 1 - self.share)
        return found

    def state(self):
        return State()

    def restore(self, state):
        return self
"""
RECORDS = {"plugin": "records.py:Records", "name": "records"}


def write_recorder(folder: Path) -> None:
    """Write the model and its three texts. ``trained.txt`` and ``scored.txt`` appear beside them."""
    write_text(folder)
    (folder / "records.py").write_text(PLUGIN)
    for split in ("train", "valid", "test"):
        animal = "cat" if split == "valid" else "zebra"
        (folder / f"{split}.txt").write_text("".join(f"the {animal} saw a cat {i % 3}\n" for i in range(12)))


def recording(*shares: float, **more: Any) -> Experiment:
    split = {name: f"{name}.txt" for name in ("train", "valid", "test")}
    sweep = {"records": {"share": list(shares)}}
    return small_experiment(RECORDS, corpus={**split, "documents": "line"}, sweep=sweep, **more)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def searched(low: float, high: float, method: str = "random", trials: int = 14, **more: Any) -> Experiment:
    space = {"records": {"share": {"low": low, "high": high}}}
    return recording(1.0, 0.5).replace(
        "test", sweep=space, search={"method": method, "trials": trials, "batch": 4}, **more
    )
