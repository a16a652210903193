"""Cells that are forked from a server: the bits of those that are started afresh, and no cell lost with a server."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lmcompare.analysis import load_run
from lmcompare.harness import runner
from lmcompare.harness.run import run
from lmcompare.processes import ForkServer
from tests.full.processes.killed import differing, stored
from tests.harness.small import Watch, small_experiment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="servers fork on Linux alone")
SEEDS = [0, 1, 2, 3]
COUNTS = {"plugin": "ngram"}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[ForkServer]:
    """The servers that are started, from the second cell of a plug-in on."""
    found: list[ForkServer] = []

    def start(*arguments: Any, **variables: Any) -> ForkServer:
        found.append(ForkServer(*arguments, **variables))
        return found[-1]

    monkeypatch.setattr(runner, "FIRST", 1)
    monkeypatch.setattr(runner, "ForkServer", start)
    return found


def test_the_bits_are_those_of_new_processes(place: Path, made: list[ForkServer]) -> None:
    plan = small_experiment(COUNTS, {"plugin": "unigram"}, seeds=SEEDS[:3], threads=1)
    assert not run(plan, place / "forked", base=place).failures
    assert len(made) == 2, "one for each plug-in"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "FIRST", 99)
        assert not run(plan, place / "new", base=place).failures
    assert len(made) == 2
    assert not differing(stored(place / "forked"), stored(place / "new"))
    for model in load_run(place / "forked").scored:
        memory = [cell.cost["peak_memory_bytes"] for cell in model.done]
        assert min(memory[1:]) > 0.8 * memory[0], "the libraries are counted, though the server has loaded them"
        assert max(memory[1:]) < 1.3 * memory[0]


def test_cells_outlive_their_server(place: Path, made: list[ForkServer]) -> None:
    class Ends(Watch):
        def event(self, cell: int, event: Mapping[str, Any]) -> None:
            super().event(cell, event)
            if cell == 2 and event.get("stage") == "training":
                os.kill(made[0]._process.pid, signal.SIGKILL)

    plan = small_experiment(COUNTS, seeds=SEEDS, threads=1)
    assert not run(plan, place / "run", base=place, show=Ends()).failures
    assert len(made) == 1
    assert len(load_run(place / "run").scored[0].done) == len(SEEDS)


def test_an_interruption_keeps_what_is_finished_and_leaves_no_process(place: Path, made: list[ForkServer]) -> None:
    class Interrupts(Watch):
        def event(self, cell: int, event: Mapping[str, Any]) -> None:
            super().event(cell, event)
            if cell == 2 and event.get("stage") == "training":
                raise KeyboardInterrupt

    plan = small_experiment(COUNTS, seeds=SEEDS, threads=1)
    with pytest.raises(KeyboardInterrupt):
        run(plan, place / "run", base=place, show=Interrupts())
    assert made[0]._process.poll() is not None
    assert len(load_run(place / "run").scored[0].done) == 2
    watch = Watch()
    assert not run(plan, place / "run", base=place, show=watch).failures
    assert [stages == ["kept"] for stages in watch.stages.values()] == [True, True, False, False]
