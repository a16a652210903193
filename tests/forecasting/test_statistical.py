"""ETS and ARIMA against processes whose entropy and forecasts are known, and against statsmodels itself."""

from __future__ import annotations

import numpy as np
import pytest

from lmcompare import forecasting
from lmcompare.forecasting import Arima, Ets, Forecaster, make_forecaster

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
