"""The process of a cell: it may hang, die or exit, and nothing of its surroundings is charged to it or shadows it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmcompare.harness import environment
from lmcompare.harness.run import run
from tests.harness.small import FLAT, Watch, run_and_report, small_experiment

pytestmark = pytest.mark.slow


def test_a_model_that_hangs_is_ended_and_the_others_go_on(place: Path) -> None:
    hangs = {"plugin": "plugins.py:Hangs", "name": "hangs"}
    outcome, _ = run_and_report(place, place / "hangs", small_experiment(hangs, FLAT, time_limit=6))
    assert outcome.failures == {
        "hangs/0": "it ran longer than its time limit of 6 s, and was ended; raise the limit with --time-limit"
    }
    assert json.loads((outcome.folder / "results.json").read_text())["models"][0]["name"] == "flat"


def test_several_processes_train_a_cell_together(place: Path) -> None:
    net = {"plugin": "rnn", "width": 8, "hidden": 8, "steps": 12, "batch": 4, "length": 8}
    outcome, _ = run_and_report(place, place / "together", small_experiment(net, threads=2, processes=2))
    assert not outcome.failures
    cell = json.loads((outcome.folder / "cells" / "rnn" / "0" / "cell.json").read_text())
    assert any("12 steps by 2 processes" in note for note in cell["notes"])
    assert cell["status"] == "done"


def test_a_plug_in_that_fails_fails_alone(place: Path) -> None:
    out = place / "failing"
    raises = {"plugin": "plugins.py:Raises", "name": "raises"}
    dies = {"plugin": "plugins.py:Dies", "name": "dies"}
    outcome, _ = run_and_report(place, out, small_experiment(raises, dies, FLAT))
    assert outcome.failures["raises/0"].startswith("RuntimeError: out of luck (plugins.py, line ")
    assert "signal 9" in outcome.failures["dies/0"]
    assert "Traceback" in (out / "cells/raises/0/log.txt").read_text()
    results = json.loads((out / "results.json").read_text())
    assert next(m for m in results["models"] if m["name"] == "flat")["rank_low"] == 1
    assert "out of luck" in (out / "report.html").read_text()
    # and is tried again next time, the others are not
    _, watch = run_and_report(place, out, small_experiment(raises, FLAT))
    assert "failed" in watch.stages[0]
    assert watch.stages[1] == ["kept"]


def test_files_where_one_stands_do_not_shadow_modules(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "string.py").write_text("words = 1\n")
    monkeypatch.chdir(tmp_path)
    outcome, _ = run_and_report(place, tmp_path / "out", small_experiment({"plugin": "unigram"}))
    assert not outcome.failures


def test_an_exit_in_the_middle_is_a_failure(place: Path) -> None:
    outcome, _ = run_and_report(place, place / "exits", small_experiment({"plugin": "plugins.py:Exits"}, FLAT))
    assert list(outcome.failures) == ["Exits/0"]
    assert outcome.failures["Exits/0"].startswith("SystemExit: 0 (plugins.py, line ")


@pytest.mark.parametrize("changed", ["other.py", "a.dat"])
def test_what_is_changed_while_the_run_goes_on_fails_its_cell(place: Path, changed: str) -> None:
    class Edits(Watch):
        def event(self, cell: int, event: Mapping[str, Any]) -> None:
            if event.get("stage") == "starting":
                (place / changed).write_text((place / changed).read_text() + "# edited\n")

    shutil.copy(place / "plugins.py", place / "other.py")
    (place / "a.dat").write_text("one")
    model = {"plugin": "other.py:ReadsFile", "name": "reads", "path": "a.dat"}
    outcome = run(small_experiment(model), place / f"edited-{changed}", base=place, show=Edits())
    assert "was changed while the run was going on" in outcome.failures["reads/0"]


def test_peak_memory_is_the_cells_own(place: Path) -> None:
    ballast = np.ones(80_000_000)  # 640 MB that a cell must not be charged with
    assert (environment.peak_memory_bytes() or 0) > 640e6
    out = place / "light"
    run_and_report(place, out, small_experiment(FLAT))
    del ballast
    assert json.loads((out / "cells/flat/0/cost.json").read_text())["peak_memory_bytes"] < 500e6
