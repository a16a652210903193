"""The test for a unit root gives the statistic of statsmodels, and trends and walks are told from cycles."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.tsa.stattools import adfuller

from lmcompare.tokens.values.stationary import dickey_fuller, wanders


def made(kind: str, length: int = 300) -> np.ndarray:
    noise = np.random.default_rng(3).standard_normal(length)
    return {
        "noise": noise,
        "walk": noise.cumsum(),
        "trend": 0.1 * np.arange(length) + noise,
        "cycle": 3 * np.sin(np.arange(length) / 4) + noise,
    }[kind]


@pytest.mark.parametrize("kind", ["noise", "walk", "trend", "cycle"])
def test_the_statistic_is_that_of_statsmodels(kind: str) -> None:
    values = made(kind)
    lags = int(12 * (len(values) / 100) ** 0.25)
    expected = adfuller(values, maxlag=lags, autolag=None, regression="c", result_object=False)[0]
    assert dickey_fuller(values) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("scale", "level"), [(1e6, 0.0), (1e-10, 0.0), (40.0, 1e5), (1e12, 1e13)])
@pytest.mark.parametrize("kind", ["noise", "walk", "cycle"])
def test_neither_the_unit_nor_the_level_matters(kind: str, scale: float, level: float) -> None:
    values = made(kind)
    assert dickey_fuller(scale * values + level) == pytest.approx(dickey_fuller(values), rel=1e-4)
    assert wanders(scale * values + level) == wanders(values)


def test_trends_and_walks_wander_and_cycles_do_not() -> None:
    assert {kind: wanders(made(kind)) for kind in ("noise", "walk", "trend", "cycle")} == {
        "noise": False,
        "walk": True,
        "trend": True,
        "cycle": False,
    }
    assert not wanders(np.ones(100))
    assert not wanders(np.array([1.0, 2.0]))
