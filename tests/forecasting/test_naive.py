"""The naive methods by hand: means, deviations and densities."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lmcompare.forecasting import Drift, SeasonalNaive, carried

NAN = float("nan")


def test_missing_values_are_carried_forward() -> None:
    np.testing.assert_array_equal(carried(np.array([NAN, 1.0, NAN, NAN, 2.0])), [NAN, 1, 1, 1, 2])


def test_the_seasonal_naive_method_by_hand() -> None:
    past = np.array([1.0, 5.0, 2.0, 7.0, 4.0, 8.0])
    # differences a season of 2 apart: 1, 2, 2, 1; the root of their mean square is sqrt(2.5)
    model = SeasonalNaive().fit(past, 2)
    assert model.deviation == pytest.approx(np.sqrt(2.5))
    paths = model.paths(past, 4, 40_000, 0)
    assert paths.mean(axis=0) == pytest.approx([4, 8, 4, 8], abs=0.05)
    assert paths.std(axis=0) == pytest.approx(np.sqrt([2.5, 2.5, 5, 5]), rel=0.03)
    found = model.log_density(past, np.array([5.0, 8.0, 6.0]))
    assert found == pytest.approx(stats.norm.logpdf([5, 8, 6], [4, 8, 5], np.sqrt(2.5)))


def test_without_a_season_it_is_the_last_value() -> None:
    model = SeasonalNaive().fit(np.array([1.0, 2.0, 4.0]), 1)
    assert model.paths(np.array([1.0, 2.0, 4.0]), 2, 20_000, 0).mean(axis=0) == pytest.approx([4, 4], abs=0.05)


def test_drift_by_hand_with_a_missing_value() -> None:
    past = np.array([0.0, 2.0, NAN, 5.0, 6.0])
    # changes 2, 3 over two steps, 1: 6 over 4 steps; errors 0.5, 0 and -0.5
    model = Drift().fit(past, 1)
    assert model.slope == pytest.approx(1.5)
    assert model.deviation == pytest.approx(np.sqrt((0.25 + 0 + 0.25) / 3))
    found = model.log_density(past, np.array([7.0, NAN, 11.0]))
    assert found[0] == pytest.approx(stats.norm.logpdf(7, 7.5, model.deviation))
    assert np.isnan(found[1])
    assert found[2] == pytest.approx(stats.norm.logpdf(11, 10, model.deviation * np.sqrt(2)))
    paths = model.paths(past, 3, 40_000, 0)
    assert paths.mean(axis=0) == pytest.approx([7.5, 9, 10.5], abs=0.02)
    assert paths.std(axis=0) == pytest.approx(model.deviation * np.sqrt([1, 2, 3]), rel=0.03)


def test_drift_goes_on_from_the_last_known_value() -> None:
    model = Drift().fit(np.array([0.0, 2.0, 2.5, 5.0, 6.0]), 1)  # changes 2, 0.5, 2.5, 1: a mean of 1.5
    past, future = np.array([0.0, 2.0, 5.0, NAN, NAN]), np.array([10.0])
    paths = model.paths(past, 2, 40_000, 0)  # the first is three steps after the 5
    assert paths.mean(axis=0) == pytest.approx([9.5, 11], abs=0.03)
    assert paths.std(axis=0) == pytest.approx(model.deviation * np.sqrt([3, 4]), rel=0.03)
    assert model.log_density(past, future) == pytest.approx(
        stats.norm.logpdf(10, 9.5, model.deviation * np.sqrt(3)), abs=1e-9
    )


def test_paths_are_the_same_for_the_same_seed() -> None:
    past = np.arange(10.0) % 3
    for model in (SeasonalNaive().fit(past, 3), Drift().fit(past, 3)):
        assert (model.paths(past, 4, 5, 7) == model.paths(past, 4, 5, 7)).all()
        assert (model.paths(past, 4, 5, 7) != model.paths(past, 4, 5, 8)).any()


@pytest.mark.parametrize("unit", [1e-300**0.5, 1e-10, 1e12])
def test_the_unit_does_not_matter(unit: float) -> None:
    past, future = np.sin(np.arange(60.0)), np.array([0.5, -0.5])
    for kind in (SeasonalNaive, Drift):
        one, other = kind().fit(past, 7), kind().fit(unit * past, 7)
        assert other.deviation == pytest.approx(unit * one.deviation)
        of_unit = other.log_density(unit * past, unit * future) + np.log(unit)
        assert of_unit == pytest.approx(one.log_density(past, future))
