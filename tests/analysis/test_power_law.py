"""Power laws: those that are planted are found, noise has none, and bands hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.analysis.power_law import fit, fitted

WORDS = np.geomspace(3e3, 1e5, 8)


def law(floor: float, scale: float, exponent: float) -> np.ndarray:
    return floor + scale * (WORDS / WORDS[-1]) ** -exponent


@given(st.floats(0, 2), st.floats(0.2, 2), st.floats(0.05, 0.6))
def test_an_exact_law_is_found(floor: float, scale: float, exponent: float) -> None:
    found = fit(WORDS, law(floor, scale, exponent)[None])
    assert found.exponent[0] == pytest.approx(exponent, rel=0.003)
    assert found.at(2 * WORDS[-1:])[0, 0] == pytest.approx(floor + scale * 2**-exponent, abs=2e-3 * scale)


def test_no_floor_is_below_zero_and_the_fit_is_that_of_least_squares() -> None:
    points = 3 - 0.2 * np.log(WORDS)  # bends away from every law with a floor
    found = fit(WORDS, points[None])
    assert found.floor[0] == 0.0
    x = (WORDS / WORDS[-1]) ** -found.exponent[0]
    scale, *_ = np.linalg.lstsq(x[:, None], points, rcond=None)
    assert found.scale[0] == pytest.approx(scale[0])


def test_bands_hold_four_of_five_figures_that_were_not_seen() -> None:
    rng, inside = np.random.default_rng(0), []
    for _ in range(150):
        points = law(1.2, 0.8, 0.3) + rng.normal(0, 0.01, 8)
        found = fitted(WORDS[:6], points[:6], resamples=500)
        assert found is not None
        _, low, high = found.forecast(WORDS[6:])
        inside += ((low <= points[6:]) & (points[6:] <= high)).tolist()
    assert 0.72 < np.mean(inside) < 0.95


@pytest.mark.parametrize("points", [[2.0, 1.9, 1.8], [2.0, 2.1, 2.2, 2.3, 2.4, 2.5], [2.0, 2.5, 1.9, 2.4, 2.0, 2.45]])
def test_there_is_no_law_without_enough_points_that_fall(points: list[float]) -> None:
    assert fitted(WORDS[: len(points)], np.array(points)) is None


def test_a_wider_level_has_a_wider_interval() -> None:
    found = fitted(WORDS, law(1.0, 1.0, 0.25) + np.random.default_rng(1).normal(0, 0.01, 8))
    assert found is not None
    exponent, low, high = found.exponent()
    _, nearer_low, nearer_high = found.exponent(0.5)
    assert low < nearer_low < exponent < nearer_high < high
    assert low < 0.25 < high
