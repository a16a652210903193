"""Forecasts: the score by brute force, scales by hand, and paths that follow the model's distribution."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lmcompare.analysis.forecasts import BANDS
from lmcompare.errors import PluginError
from lmcompare.measure.series import Origin, crps, forecast_table, quantiles, seasonal_scale
from lmcompare.runfolder.layout import QUANTILES


@given(draws=st.lists(st.floats(-100, 100), min_size=2, max_size=12), actual=st.floats(-100, 100))
def test_the_score_is_the_mean_over_all_pairs(draws: list[float], actual: float) -> None:
    paths = np.array(draws)[:, None]
    number = len(draws)
    pairs = [abs(draws[a] - draws[b]) for a in range(number) for b in range(number) if a != b]
    expected = np.mean([abs(draw - actual) for draw in draws]) - np.mean(pairs) / 2
    assert crps(paths, np.array([actual]))[0] == pytest.approx(expected, abs=1e-9)


def test_the_score_of_normal_draws_is_the_known_one() -> None:
    paths = np.random.default_rng(0).standard_normal((20_000, 1))
    actual = 0.7
    # Gneiting and Raftery 2007, equation 20
    expected = actual * (2 * stats.norm.cdf(actual) - 1) + 2 * stats.norm.pdf(actual) - 1 / np.sqrt(np.pi)
    assert crps(paths, np.array([actual]))[0] == pytest.approx(expected, abs=0.01)


def test_a_missing_value_has_no_score() -> None:
    assert np.isnan(crps(np.ones((3, 2)), np.array([1.0, np.nan]))[1])


def test_the_scale_is_the_mean_difference_of_values_a_season_apart() -> None:
    assert seasonal_scale(np.array([1.0, 5.0, 2.0, 7.0, 4.0, np.nan]), 2) == pytest.approx((1 + 2 + 2) / 3)
    assert seasonal_scale(np.array([1.0, 3.0, 2.0]), 12) == pytest.approx(1.5)  # too short for the season
    exact = np.tile([1.0, 3.0], 5)  # it repeats its season: the scale is that of neighbouring values
    assert seasonal_scale(exact, 2) == pytest.approx(2.0)
    assert seasonal_scale(1e-14 * np.array([1.0, 5.0, 2.0, 7.0, 4.0]), 2) == pytest.approx(1e-14 * 5 / 3)


def test_bands_hold_as_many_other_paths_as_they_should() -> None:
    """Of 40 paths each in turn is what came, and the others make the bands."""
    every = np.random.default_rng(0).standard_normal(40)
    inside = dict.fromkeys(BANDS, 0)
    for at in range(40):
        found = quantiles(np.delete(every, at)[:, None])[:, 0]
        for percent, (low, high) in BANDS.items():
            inside[percent] += int(found[QUANTILES.index(low)] <= every[at] <= found[QUANTILES.index(high)])
    assert inside == {50: 20, 80: 32, 95: 38}


def test_the_quantiles_of_99_paths_are_those_whose_rank_is_their_level() -> None:
    found = quantiles(np.random.default_rng(0).permutation(np.arange(1.0, 100.0))[:, None])
    assert found[:, 0] == pytest.approx(100 * np.array(QUANTILES))


def test_what_is_stored_of_a_forecast() -> None:
    origin = Origin(2, 5, np.arange(4.0), 3, np.array([1.0, np.nan]), 0.5, 1)
    paths = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    table = forecast_table(origin, paths)
    assert table["actual"] == [1.0, None]
    assert table["crps"][1] is None
    assert table["quantiles"][QUANTILES.index(0.5)] == [2, 3]
    with pytest.raises(PluginError, match="paths must be"):
        forecast_table(origin, paths[:, :1])
    with pytest.raises(PluginError, match="finite"):
        forecast_table(origin, np.full((3, 2), np.nan))
