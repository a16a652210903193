"""Power laws: those that are planted are found, noise has none, and bands hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.analysis.power_law import fitted
from lmcompare.runfolder.parquet import Array

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


def test_the_same_points_have_the_same_forecast() -> None:
    one, other = (fitted(WORDS, law(1.0, 1.0, 0.25)) for _ in range(2))
    assert one is not None
    assert other is not None
    assert np.array_equal(one.forecast(MORE), other.forecast(MORE))
