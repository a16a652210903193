"""``lmcompare plan``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest.mock import patch

import pytest

from lmcompare.cli.run import _estimate
from lmcompare.harness import runner
from lmcompare.harness.cells.job import Job
from lmcompare.harness.run import Ahead
from tests.cli.console import lmcompare
from tests.conftest import called_here

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]


def test_a_plan_lists_what_a_run_would_do_and_leaves_nothing(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    asked = (
        *("--corpus", "text.txt", "--documents", "line", "--device", "cpu"),
        *("--out", "planned", "--model", "unigram,ngram", "--sweep", "ngram.order=1,2", "--quiet"),
    )
    with patch.object(runner, "call", called_here):
        done = lmcompare("plan", *asked, cwd=place)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[0] for row in rows[1:5]] == ["ngram-order-1", "ngram-order-2", "ngram", "unigram"]
    assert "0 of 4" in done.stdout
    assert not (place / "planned").exists()
    assert not list(tmp_path.iterdir())
    assert lmcompare("run", *asked, cwd=place).returncode == 0
    done = lmcompare("plan", *asked, cwd=place)
    assert done.stdout.count("finished") == 5  # each row, and the last line
    with patch.object(runner, "call", called_here):
        done = lmcompare("plan", *asked, "--fractions", "0.5,1", cwd=place)
    assert [line.split()[0] for line in done.stdout.splitlines()[1:4]] == [
        f"fractions/0.5/{name}" for name in ("ngram-order-1", "ngram-order-2", "ngram")
    ]
    assert "4 of 8" in done.stdout
    wrong = lmcompare("plan", *asked, "--set", "ngrm.order=3", cwd=place)
    assert wrong.returncode == 2
    assert "did you mean 'ngram'" in wrong.stderr


def test_what_is_known_of_a_cell_is_listed_beside_what_is_not() -> None:
    job = Job("", "x", "unigram", 0, "", "", "", {}, {})
    one = Ahead("x", job, finished=False)

    def estimate(found: runner.Cost | None) -> tuple[float | None, float | None]:
        return _estimate(one, [one], {job.identity: found})

    assert estimate(None) == (None, None)
    assert estimate(runner.Cost(None, 1.0, 2.0, 5e6)) == (None, 5e6)
    assert estimate(runner.Cost(3.0, 1.0, 2.0, None)) == (runner.STARTING + 6.0, None)


def test_settings_of_a_sweep_are_trained_and_the_best_is_scored_alone() -> None:
    first, second = (Job("", f"x{n}", "unigram", 0, "", "", "", {}, {"n": n}, trial=True) for n in (1, 2))
    settings = [Ahead("x", first, finished=False), Ahead("x", second, finished=False, later=4)]
    best = Ahead("x", first, finished=False, tried=6)
    ahead = [*settings, best, Ahead("y", second, finished=True)]
    costs = {first.identity: runner.Cost(3.0, 1.0, 2.0, 5e6), second.identity: runner.Cost(7.0, 2.0, 3.0, 6e6)}
    assert first.identity != second.identity
    assert [_estimate(each, ahead, costs) for each in ahead] == [
        (runner.STARTING + 4.0, 5e6),
        (4 * (runner.STARTING + 9.0), 6e6),
        (runner.STARTING + 5.0, 6e6),
        (0.0, 0.0),
    ]
    assert _estimate(best, ahead, {**costs, second.identity: None}) == (None, None)
