"""A search by TPE, which Optuna carries out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmcompare.harness.run import look_ahead, run
from tests.cli.console import lmcompare
from tests.harness.recorder import lines, searched, write_recorder
from tests.harness.small import Watch
from tests.harness.test_search import carried_out, check_proposals, loss, of
from tests.harness.test_sweep import check_a_search_from_python, check_that_a_search_goes_on

pytestmark = pytest.mark.usefixtures("cells_here")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_recorder(tmp_path)
    return tmp_path


def test_proposals_are_in_their_ranges_and_the_same_again() -> None:
    assert [len(batch) for batch in check_proposals("tpe")] == [5, 5, 3]


def test_what_tpe_proposes_depends_on_earlier_batches_alone() -> None:
    told: list[float] = []

    def odd(values: dict[str, Any]) -> float:
        told.append(loss(values))
        return told[-1] if len(told) <= 10 else 0.0

    whole, other = carried_out(of("tpe", trials=20)), carried_out(of("tpe", trials=20), odd)
    assert whole[:3] == other[:3]
    assert whole[3] != other[3]


@pytest.mark.slow
def test_tpe_comes_nearer_to_the_best_than_chance() -> None:
    best = {
        m: [min(loss(v) for b in carried_out(of(m, 30, seed=s)) for v in b) for s in range(6)]
        for m in ("random", "tpe")
    }
    assert np.mean(best["tpe"]) < 0.75 * np.mean(best["random"])


def test_a_trial_that_failed_is_not_what_tpe_goes_on_from() -> None:
    def failing(values: dict[str, Any]) -> float:
        return math.inf if values["layers"] > 4 else loss(values)

    search = of("tpe", trials=30)
    settings = [values for batch in carried_out(search, failing) for values in batch]
    failed = [values["layers"] > 4 for values in settings]
    assert sum(failed) > 0
    assert np.mean(failed[15:]) < np.mean(failed[:15])


def test_an_interrupted_search_goes_on_to_the_same_trials_and_choice(place: Path) -> None:
    check_that_a_search_goes_on(place, searched(0.1, 1.0, "tpe"))


def test_more_trials_go_on_with_a_search(place: Path) -> None:
    run(searched(0.1, 1.0, "tpe", trials=4), place / "out", base=place)
    (place / "trained.txt").unlink()
    run(searched(0.1, 1.0, "tpe", trials=6), place / "out", base=place)
    assert len(lines(place / "trained.txt")) == 2


def test_settings_that_are_not_proposed_yet_are_counted_ahead(place: Path) -> None:
    run(searched(0.5, 1.0, "tpe", trials=4), place / "out", base=place)
    ahead = look_ahead(
        searched(0.5, 1.0, "tpe"), place / "out", place / "scratch", base=place, force=False, show=Watch()
    )
    found = [(each.model, each.job.trial, each.finished, each.later) for each in ahead]
    tried, next_batch = [("records", True, True, 0)] * 4, [("records", True, False, 0)] * 4
    assert found == [*tried, *next_batch, ("records", True, False, 6), ("records", False, False, 0)]
    search = ("--sweep", "ngram.order=1..9", "--search", "tpe", "--trials", "12")
    text = ("--corpus", "train.txt", "--documents", "line", "--device", "cpu")
    done = lmcompare("plan", *text, "--model", "ngram", *search, "--quiet", "--out", "new", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "up to 7 more settings, proposed from the results of these" in done.stdout
    assert "0 of " in done.stdout


def test_a_search_from_python_says_who_proposed(tmp_path: Path) -> None:
    search = check_a_search_from_python(tmp_path, "tpe")
    assert search["method"] == "tpe"
    assert search["optuna"]
