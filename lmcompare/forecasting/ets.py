"""Exponential smoothing in its state space form, chosen by the corrected Akaike criterion; by statsmodels."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np

from lmcompare.forecasting.contract import Floats, Forecaster
from lmcompare.forecasting.naive import carried, least_deviation, normal_log_density

LONGEST_SEASON = 24  # STL removes a longer season before smoothing
MOST = 2_000  # training values from which parameters are estimated


class Ets(Forecaster):
    """Exponential smoothing with additive errors, with or without a damped trend and a season.

    Hyndman, Koehler, Ord and Snyder (2008), *Forecasting with Exponential Smoothing*. A season of more than 24 steps
    is found by STL (Cleveland et al. 1990) in the training values and repeated; what is left is smoothed.
    """

    title = "ETS"
    source = "Hyndman, Koehler, Ord and Snyder 2008"
    needs = "statsmodels"

    def fit(self, past: Floats, season: int) -> Self:
        self._length, self._skipped = len(past), max(0, len(past) - MOST)
        values = _filled(past)
        self._period = season if season > LONGEST_SEASON and len(values) > 2 * season + 1 else 0
        self._cycle = np.zeros(max(1, self._period))
        if self._period:
            from statsmodels.tsa.seasonal import STL

            found = np.asarray(STL(values, period=self._period, robust=True).fit().seasonal)
            self._cycle = found[-self._period :]
            values = values - found
        own = season if 2 <= season <= LONGEST_SEASON and len(values) >= 2 * season + 4 else 0
        values = values[self._skipped :]
        best: Any = None
        for trend in (None, "add"):
            for seasonal in (None, "add") if own else (None,):
                given: dict[str, Any] = {
                    "error": "add",
                    "trend": trend,
                    "damped_trend": trend is not None,
                    "seasonal": seasonal,
                }
                if seasonal:
                    given["seasonal_periods"] = own
                found = _quietly(lambda given=given: _model(values, given).fit(disp=False, maxiter=200))
                if found is not None and np.isfinite(found.aicc) and (best is None or found.aicc < best[0].aicc):
                    best = (found, given)
        if best is None:
            raise ValueError("no exponential smoothing converges on these values")
        self._given, self._parameters = best[1], np.asarray(best[0].params)
        self._deviation = max(least_deviation(past), float(np.sqrt(best[0].scale)))
        return self

    def paths(self, past: Floats, horizon: int, number: int, seed: int) -> Floats:
        smoothed = self._smoothed(past)
        drawn = smoothed.simulate(horizon, anchor="end", repetitions=number, rng=np.random.default_rng(seed))
        drawn = np.asarray(drawn).reshape(horizon, number).T
        return np.asarray(drawn + self._season_at(len(past) + np.arange(horizon)))

    def log_density(self, past: Floats, future: Floats) -> Floats:
        values = np.concatenate([past, future])
        means = np.asarray(self._smoothed(values).fittedvalues)[len(past) - self._skipped :]
        means = means + self._season_at(np.arange(len(past), len(values)))
        return normal_log_density(future, means, np.full(len(future), self._deviation))

    def _smoothed(self, values: Floats) -> Any:
        """Return the smoothed values, without those that were skipped when the initial states were estimated."""
        rest = _filled(values) - self._season_at(np.arange(len(values)))
        return _model(rest[self._skipped :], self._given).smooth(self._parameters)

    def _season_at(self, places: Any) -> Floats:
        """Return the repeated season at places counted from the beginning of the training values."""
        return np.asarray(self._cycle[(places - self._length) % len(self._cycle)])


def _model(values: Floats, given: dict[str, Any]) -> Any:
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    return ETSModel(values, **given)


def _filled(values: Floats) -> Floats:
    """Return values with missing ones replaced by the last known one, those before the first by the first.

    Exponential smoothing does not accept missing values.
    """
    found = carried(values)
    return np.where(np.isfinite(found), found, values[np.isfinite(values)][0])


def _quietly(make: Any) -> Any:
    """Return what ``make`` returns, without its warnings; None if it fails: some models do not converge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return make()
        except (ValueError, np.linalg.LinAlgError, IndexError):
            return None
