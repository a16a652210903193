"""Where the order of two models changes with the amount of text, against arithmetic by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lmcompare.analysis.growth import Curve, Point, crossings, resampled
from lmcompare.runfolder.parquet import Array

WORDS = (1_000, 10_000, 100_000)
UNITS = 40


def curve(name: str, figures: list[float], seeds: int = 1, hard: Array | None = None, noise: float = 0.0) -> Curve:
    """A model of these bits per byte; ``hard`` (U,) is what the units of the text have more than others."""
    rng = np.random.default_rng(len(name))
    hard = np.zeros(UNITS) if hard is None else hard - hard.mean()
    points = []
    for words, figure in zip(WORDS, figures, strict=True):
        own = figure + noise * rng.standard_normal(seeds)
        bits = 100 * (own[:, None] + hard)
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
    exact = curve("one", [3.0, 2.4, 1.8])
    several = curve("other", [3.0, 2.4, 1.8], seeds=8, noise=0.05)
    alone, noisy = resampled([exact, several], 4_000)
    assert np.ptp(alone) == pytest.approx(1.2)
    errors = [point.by_seed.std(ddof=1) / np.sqrt(8) for point in several.points]
    assert noisy.std(axis=0) == pytest.approx(max(np.mean(errors), min(errors)), rel=0.6)
