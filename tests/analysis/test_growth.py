"""Where the order of two models changes with the amount of text, against arithmetic by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lmcompare.analysis.growth import Curve, Point, crossings, resampled
from lmcompare.runfolder.parquet import Array

WORDS = (1_000, 10_000, 100_000)
UNITS = 40


def curve(name: str, figures: list[float], hard: Array | None = None, seeds: Array | None = None) -> Curve:
    """A model of these bits per byte.

    ``hard`` (U,) is what the units of the text have more than others, ``seeds`` (n, S) what trainings have.
    """
    hard = np.zeros(UNITS) if hard is None else hard - hard.mean()
    seeds = np.zeros((len(WORDS), 1)) if seeds is None else seeds
    points = []
    for words, figure, own in zip(WORDS, figures, seeds, strict=True):
        bits = 100 * (figure + own[:, None] + hard)
        points.append(Point(words / WORDS[-1], words, bits, np.full(UNITS, 100), {}, {}))
    return Curve(name, tuple(points))


def test_lines_over_the_logarithm_of_the_words_cross_where_arithmetic_says() -> None:
    one, other = curve("one", [3.0, 2.4, 1.8]), curve("other", [2.8, 2.5, 2.2])
    (found,) = crossings([one, other])
    assert (found.later, found.earlier) == ("one", "other")
    assert found.words == pytest.approx(10 ** (3 + 2 / 3))  # the gap goes from 0.2 to -0.1
    assert found.low == found.high == pytest.approx(found.words)  # every unit says the same


def test_units_that_both_find_hard_do_not_widen_the_interval_and_others_do() -> None:
    rng = np.random.default_rng(0)
    hard = rng.normal(0, 1, UNITS)
    (together,) = crossings([curve("one", [3.0, 2.4, 1.8], hard=hard), curve("other", [2.8, 2.5, 2.2], hard=hard)])
    assert together.high / together.low == pytest.approx(1.0)
    apart = [
        curve("one", [3.0, 2.4, 1.8], hard=0.3 * rng.normal(0, 1, UNITS)),
        curve("other", [2.8, 2.5, 2.2], hard=0.3 * rng.normal(0, 1, UNITS)),
    ]
    (found,) = crossings(apart)
    assert found.low < 10 ** (3 + 2 / 3) < found.high


def test_an_order_that_may_not_change_has_an_open_interval() -> None:
    rng = np.random.default_rng(1)
    pair = [
        curve("one", [3.0, 2.6, 2.19], hard=0.4 * rng.normal(0, 1, UNITS)),
        curve("other", [2.5, 2.4, 2.2], hard=0.4 * rng.normal(0, 1, UNITS)),
    ]
    (found,) = crossings(pair)
    assert found.high == math.inf


def test_there_is_no_crossing_where_the_order_stays() -> None:
    assert crossings([curve("one", [3.0, 2.4, 1.8]), curve("other", [2.8, 2.3, 1.7])]) == []
    assert crossings([]) == []


def test_the_last_of_several_changes_is_told() -> None:
    (found,) = crossings([curve("one", [2.0, 2.4, 1.8]), curve("other", [2.1, 2.3, 2.2])])
    assert 10_000 < found.words < 100_000


def test_trainings_widen_the_resamples_by_their_standard_error() -> None:
    figures = [3.0, 2.4, 1.8]
    eight = np.sqrt(7 / 8) * np.repeat([1.0, -1.0], 4)  # of variance one, with the divisor 7
    several = curve("other", figures, seeds=np.outer([0.02, 0.02, 0.04], eight))
    alone, noisy = resampled([curve("one", figures), several], 4_000)
    np.testing.assert_allclose(alone, np.tile(figures, (4_000, 1)), rtol=1e-12)
    assert noisy.mean(axis=0) == pytest.approx(figures, abs=0.001)
    # The variances are 4e-4, 4e-4 and 16e-4, and 8e-4 on average, which the smaller ones are raised to. The mean of
    # eight has an eighth of them, and Student's t with 21 degrees of freedom a variance of 21 / 19.
    assert noisy.var(axis=0) == pytest.approx(np.array([1e-4, 1e-4, 2e-4]) * 21 / 19, rel=0.12)
