"""Curves over text and computation: who leads where, crossings by hand, and power laws that are planted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.runfolder.files import Array
from lmcompare.studies.compute.courses import Course, leaders
from lmcompare.studies.growth.curves import Curve, Point, crossings, resampled
from lmcompare.studies.growth.power_law import fitted


def course(name: str, seconds: list[float], figures: list[float], flops: list[float] | None = None) -> Course:
    given = np.array(figures)
    return Course(name, np.array(seconds), None if flops is None else np.array(flops), given, given, given)


BY_COUNTS = course("counts", [0.1], [2.0])
NETWORK = course("network", [1.0, 10.0, 100.0], [3.0, 2.2, 1.8], [1e9, 1e10, 1e11])


def test_figures_between_two_points_lie_on_a_line_over_the_logarithm() -> None:
    assert NETWORK.at("seconds", np.array([0.5, 1.0, 10**1.5, 1000.0])).tolist() == pytest.approx([np.inf, 3, 2, 1.8])
    assert BY_COUNTS.at("seconds", np.array([0.05, 0.2])).tolist() == [np.inf, 2.0]
    assert BY_COUNTS.at("flops", np.array([1.0])).tolist() == [np.inf]


def test_a_network_overtakes_counts_where_their_lines_cross() -> None:
    (first, one), (second, other) = leaders([BY_COUNTS, NETWORK], "seconds")
    assert (one, other) == ("counts", "network")
    assert first == pytest.approx(0.1)
    assert second == pytest.approx(10**1.5, rel=0.02)


def test_by_operations_only_those_are_compared_that_were_counted() -> None:
    other = course("other", [1.0, 2.0], [2.5, 2.4], [1e9, 1e12])
    assert leaders([BY_COUNTS, NETWORK], "flops") == []
    names = [name for _, name in leaders([BY_COUNTS, NETWORK, other], "flops")]
    assert names == ["other", "network"]


AMOUNTS = (1_000, 10_000, 100_000)
UNITS = 40


def curve(name: str, figures: list[float], hard: Array | None = None, seeds: Array | None = None) -> Curve:
    """A model of these bits per byte.

    ``hard`` (U,) is what the units of the text have more than others, ``seeds`` (n, S) what trainings have.
    """
    hard = np.zeros(UNITS) if hard is None else hard - hard.mean()
    seeds = np.zeros((len(AMOUNTS), 1)) if seeds is None else seeds
    points = []
    for words, figure, own in zip(AMOUNTS, figures, seeds, strict=True):
        bits = 100 * (figure + own[:, None] + hard)
        points.append(Point(words / AMOUNTS[-1], words, bits, np.full(UNITS, 100), {}, {}))
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


WORDS = np.geomspace(3e3, 1e5, 8)
MORE = 1e5 * np.array([2.0, 10.0])


def law(floor: float, scale: float, exponent: float, words: Array = WORDS) -> Array:
    return np.asarray(floor + scale * (words / WORDS[-1]) ** -exponent)


@given(st.floats(0.1, 2), st.floats(0.2, 2), st.floats(0.05, 0.6))
def test_an_exact_law_is_found_and_goes_on(floor: float, scale: float, exponent: float) -> None:
    found = fitted(WORDS, law(floor, scale, exponent), draws=500)
    assert found is not None
    assert np.median(found.exponent) == pytest.approx(exponent, rel=0.05)
    middle, low, high = found.forecast(MORE)
    assert np.array_equal(found.forecast(MORE), (middle, low, high))
    assert middle == pytest.approx(law(floor, scale, exponent, MORE), rel=0.03)
    assert (low <= middle).all()
    assert (middle <= high).all()


def walks(rng: np.random.Generator, step: float) -> Array:
    """A law with deviations that go on into all larger amounts of text."""
    at = np.log(WORDS)
    steps = rng.standard_normal(len(WORDS)) * step * np.sqrt(np.diff(at, prepend=at[0] - 0.5))
    return law(1.2, 0.8, 0.3) + np.cumsum(steps)


@pytest.mark.parametrize("step", [0.01, 0.04])
def test_bands_hold_four_of_five_figures_that_were_not_seen(step: float) -> None:
    rng, inside = np.random.default_rng(0), []
    for _ in range(150):
        points = walks(rng, step)
        found = fitted(WORDS[:6], points[:6], draws=500)
        if found is None:
            continue
        _, low, high = found.forecast(WORDS[6:])
        inside += ((low <= points[6:]) & (points[6:] <= high)).tolist()
    assert len(inside) > 200
    assert 0.7 < np.mean(inside) < 0.95


def test_a_forecast_begins_at_the_last_point_and_not_at_the_law() -> None:
    points = law(1.2, 0.8, 0.3)
    points[-3:] += 0.1  # what makes these shares harder makes all larger ones harder
    found = fitted(WORDS, points)
    assert found is not None
    (middle,), (low,), (high,) = found.forecast(1.01 * WORDS[-1:])
    assert middle == pytest.approx(points[-1], abs=0.02)
    assert high - low < 0.06


@pytest.mark.parametrize("points", [[2.0, 1.9, 1.8, 1.7], [2.0, 2.1, 2.2, 2.3, 2.4], [2.0, 2.5, 1.9, 2.4, 2.0, 2.45]])
def test_there_is_no_law_without_enough_points_that_fall(points: list[float]) -> None:
    assert fitted(WORDS[: len(points)], np.array(points)) is None


def test_the_interval_of_the_exponent_holds_the_planted_one_and_grows_with_its_level() -> None:
    found = fitted(WORDS, walks(np.random.default_rng(4), 0.01))
    assert found is not None
    low, high = found.interval_of_exponent()
    nearer_low, nearer_high = found.interval_of_exponent(0.5)
    assert low < nearer_low < nearer_high < high
    assert low < 0.3 < high
