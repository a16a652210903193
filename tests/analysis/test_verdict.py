"""Who is best and how surely, against figures worked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lmcompare.analysis import Run, compare_models, results, rows
from lmcompare.analysis.verdict import Verdict, verdict
from tests.analysis.tiny import SOUND, bits, tiny_run


def judged(run: Run) -> Verdict:
    found = verdict(rows(results(run)), compare_models(run), timed=True)
    assert found is not None
    return found


@pytest.mark.slow
def test_ties_share_the_first_rank(run: Run) -> None:
    found = judged(run)
    assert found.best.name == "transformer"
    assert [rival.row.name for rival in found.tied] == ["rnn-attention"]
    assert (found.tied[0].row.rank_low, found.tied[0].row.rank_high) == (1, 2)


def test_a_clear_winner_and_a_far_cheaper_model(tmp_path: Path) -> None:
    costs = {"best": {"train_seconds": 600.0}, "cheap": {"train_seconds": 6.0}, "floor": {"train_seconds": 0.1}}
    models = {"floor": bits(4, 0), "best": bits(2, 1), "cheap": bits(2.06, 2)}
    found = judged(tiny_run(tmp_path, models, documents=[[10]] * 40, costs=costs))
    assert found.best.bits_per_byte == pytest.approx(2.0, abs=1e-3)
    assert found.tied == ()
    assert found.far_cheaper is not None
    assert found.far_cheaper.name == "cheap", "the best of those that train 20 times faster"


def test_an_interval_that_excludes_zero_is_a_tie_among_many_pairs(tmp_path: Path) -> None:
    def behind(seed: int) -> list[list[float]]:
        """Documents that need 0.02 bits more a token on average, 2.2 standard errors."""
        gaps = np.random.default_rng(seed).normal(size=40)
        gaps = 0.02 + (gaps - gaps.mean()) / gaps.std() * 0.02 * 40**0.5 / 2.2
        return [(2.0 ** -(2.0 + np.repeat(gaps, 10))).tolist()]

    run = tiny_run(tmp_path, {"a": [[0.25] * 400], "b": behind(1), "c": behind(2)}, documents=[[10]] * 40)
    found = judged(run)
    assert {rival.row.name for rival in found.tied} == {"b", "c"}
    for rival in found.tied:
        assert rival.difference is not None
        assert rival.difference.p_value < 0.05 <= rival.difference.p_holm


def test_seeds_that_vary_more_than_the_models_differ(tmp_path: Path) -> None:
    seeds = {"a": [*bits(2.0, 0), *bits(2.2, 1)], "b": [*bits(2.11, 2), *bits(2.12, 3)]}
    found = judged(tiny_run(tmp_path, seeds, documents=[[10]] * 40))
    # a: 2.0 and 2.2, so 2.1 with a standard deviation of 0.2 / √2; b: 2.115
    assert found.unstable is not None
    assert found.unstable[0] == "a"
    assert found.unstable[1] == pytest.approx(0.2 / 2**0.5, abs=1e-3)


def test_no_model_is_ranked(tmp_path: Path) -> None:
    cells = {"a": {"traits": SOUND | {"normalised": False}}, "b": {"traits": SOUND | {"adaptive": True}}}
    run = tiny_run(tmp_path, {"a": bits(2, 0), "b": bits(2, 0)}, documents=[[10]] * 40, cells=cells)
    board = rows(results(run))
    assert [(row.name, row.status) for row in board] == [("b", "adaptive"), ("a", "not ranked")]
    assert verdict(board, compare_models(run), timed=True) is None


def test_a_text_too_short_for_intervals_gives_ties(tmp_path: Path) -> None:
    found = judged(tiny_run(tmp_path, {"a": [[0.9] * 6], "b": [[0.1] * 6]}, documents=[[3], [3]]))
    assert [rival.row.name for rival in found.tied] == ["b"]
    assert found.tied[0].difference is None
