"""Cells that never end, that need several processes, and the memory that is their own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from lmcompare.harness import environment
from lmcompare.harness.run import run
from tests.harness.small import FLAT, small_experiment


def test_a_model_that_hangs_is_ended_and_the_others_go_on(place: Path) -> None:
    hangs = {"plugin": "plugins.py:Hangs", "name": "hangs"}
    failures = run(small_experiment(hangs, FLAT, time_limit=6), place / "hangs", base=place).failures
    assert failures.keys() == {"hangs/0"}
    assert "6 s" in failures["hangs/0"]


def test_several_processes_train_a_cell_together(place: Path) -> None:
    net = {"plugin": "rnn", "width": 8, "hidden": 8, "steps": 12, "batch": 4, "length": 8}
    assert not run(small_experiment(net, threads=2, processes=2), place / "together", base=place).failures
    cell = json.loads((place / "together/cells/rnn/0/cell.json").read_text())
    assert any("12 steps by 2 processes" in note for note in cell["notes"])


def test_peak_memory_is_the_cells_own(place: Path) -> None:
    ballast = np.ones(80_000_000)  # 640 MB that a cell must not be charged with
    assert (environment.peak_memory_bytes() or 0) > 640e6
    run(small_experiment(FLAT), place / "light", base=place)
    del ballast
    assert json.loads((place / "light/cells/flat/0/cost.json").read_text())["peak_memory_bytes"] < 500e6
