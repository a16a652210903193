"""ETS and ARIMA against processes whose entropy and forecasts are known, and against statsmodels itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lmcompare import forecasting
from lmcompare.forecasting import Arima, Drift, Ets, Forecaster, SeasonalNaive, carried, make_forecaster

pytestmark = pytest.mark.slow

ENTROPY = 0.5 * np.log(2 * np.pi * np.e)  # of a normal distribution of variance one, in nats


def autoregressive(length: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(length)
    values = np.zeros(length)
    for at in range(2, length):
        values[at] = 1.2 * values[at - 1] - 0.6 * values[at - 2] + noise[at]
    return values


def test_arima_comes_near_the_entropy_of_an_autoregressive_process() -> None:
    values = autoregressive(900)
    past, future = values[:600], values[600:]
    model = Arima().fit(past, 1)
    own = float(np.mean(-model.log_density(past, future)))
    truth = future - 1.2 * values[599:-1] + 0.6 * values[598:-2]
    assert own == pytest.approx(float(np.mean(0.5 * np.log(2 * np.pi) + truth**2 / 2)), abs=0.02)
    assert own == pytest.approx(ENTROPY, abs=0.1)
    paths = model.paths(past, 1, 1_000, 0)[:, 0]
    assert paths.mean() == pytest.approx(1.2 * past[-1] - 0.6 * past[-2], abs=0.15)
    assert paths.std() == pytest.approx(1, abs=0.1)


def test_ets_follows_a_season_and_says_how_sure_it_is() -> None:
    generator = np.random.default_rng(1)
    values = 10 + np.tile([0.0, 3.0, -2.0, 1.0], 40) + 0.3 * generator.standard_normal(160)
    past, future = values[:120], values[120:]
    model = Ets().fit(past, 4)
    nats = -model.log_density(past, future)
    assert nats.mean() == pytest.approx(ENTROPY + np.log(0.3), abs=0.2)
    paths = model.paths(past, 4, 500, 0)
    assert paths.mean(axis=0) == pytest.approx(10 + np.array([0, 3, -2, 1]), abs=0.3)


def test_a_long_season_is_taken_off_before_smoothing() -> None:
    at = np.arange(52 * 5)
    values = 5 * np.sin(2 * np.pi * at / 52) + 0.2 * np.random.default_rng(2).standard_normal(len(at))
    for length in (52 * 4, 52 * 4 - 9):  # a whole number of seasons, and not
        past = values[:length]
        for model in (Ets().fit(past, 52), Arima().fit(past, 52)):
            paths = model.paths(past, 26, 300, 0)
            truth = 5 * np.sin(2 * np.pi * at[length : length + 26] / 52)
            assert np.abs(paths.mean(axis=0) - truth).max() < 0.8


@pytest.mark.parametrize("kind", [Ets, Arima])
def test_the_future_changes_no_earlier_density(kind: type[Forecaster]) -> None:
    values = autoregressive(160, 3)
    model = kind().fit(values[:120], 1)
    one = model.log_density(values[:120], values[120:])
    other = model.log_density(values[:120], np.append(values[120:140], values[140:] + 9))
    assert one is not None
    assert other is not None
    assert other[:20] == pytest.approx(one[:20])


@pytest.mark.parametrize("kind", [Ets, Arima])
def test_missing_values_are_borne(kind: type[Forecaster]) -> None:
    values = autoregressive(160, 4)
    values[[20, 21, 130]] = np.nan
    model = kind().fit(values[:120], 1)
    found = model.log_density(values[:120], values[120:])
    assert found is not None
    assert np.isnan(found[10])
    assert np.isfinite(np.delete(found, 10)).all()
    assert np.isfinite(model.paths(values[:131], 5, 20, 0)).all()


def test_ets_keeps_the_season_where_it_learns_from_the_last_values_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasting, "MOST_SMOOTHED", 102)
    cycle = np.array([0.0, 3.0, -2.0, 1.0])
    values = 10 + np.tile(cycle, 40) + 0.3 * np.random.default_rng(1).standard_normal(160)
    model = Ets().fit(values[:120], 4)
    assert -model.log_density(values[:120], values[120:]).mean() == pytest.approx(ENTROPY + np.log(0.3), abs=0.2)
    for origin in (120, 131):
        paths = model.paths(values[:origin], 4, 500, 0)
        assert paths.mean(axis=0) == pytest.approx(10 + cycle[(origin + np.arange(4)) % 4], abs=0.4)


def test_a_past_that_begins_with_missing_values_keeps_its_season() -> None:
    at = np.arange(160)
    for season, values in ((4, np.array([0.0, 3.0, -2.0, 1.0])[at % 4]), (40, 5 * np.sin(2 * np.pi * at / 40))):
        noisy = 10 + values + 0.1 * np.random.default_rng(1).standard_normal(160)
        noisy[:2] = np.nan
        model = Ets().fit(noisy[:120], season)
        assert np.isfinite(model.log_density(noisy[:120], noisy[120:])).all()
        assert model.paths(noisy[:120], 4, 500, 0).mean(axis=0) == pytest.approx(10 + values[120:124], abs=0.5)


def test_all_are_registered() -> None:
    for name in ("seasonal-naive", "drift", "ets", "arima"):
        assert isinstance(make_forecaster(name), Forecaster)


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
