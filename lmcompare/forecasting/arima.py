"""Seasonal ARIMA, with orders chosen step by step by the corrected Akaike criterion; by statsmodels."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np

from lmcompare.forecasting.contract import Floats, Forecaster
from lmcompare.forecasting.naive import normal_log_density

LONGEST_SEASON = 24  # a longer one is a sum of sines and cosines
HARMONICS = 3
MOST = 1_500  # training values from which orders and parameters are estimated
STRONG = 0.64  # the strength of a season above which seasonal differences are taken (Wang, Smith and Hyndman 2006)
FIRST = ((2, 2, 1, 1), (0, 0, 0, 0), (1, 0, 1, 0), (0, 1, 0, 1))
MOST_ORDER = (3, 3, 1, 1)
MOST_FITS = 12
SEARCHED = 300  # training values by which orders are compared

Order = tuple[int, int, int, int]


class Arima(Forecaster):
    """Autoregression and moving averages of differences: Box and Jenkins 1970.

    Orders are searched as Hyndman and Khandakar (2008) do, over p, q ≤ 3 and, with a season of at most 24 steps,
    P, Q ≤ 1. A longer season is modelled by sines and cosines (Young, Pedregal and Tych 1999).
    """

    title = "ARIMA"
    source = "Box and Jenkins 1970; orders by Hyndman and Khandakar 2008"
    needs = "statsmodels"

    def fit(self, past: Floats, season: int) -> Self:
        self._season = season
        values = past[-MOST:]
        self._offset = len(past) - len(values)
        self._period = season if 2 <= season <= LONGEST_SEASON and len(values) >= 3 * season else 0
        self._waves = HARMONICS if season > LONGEST_SEASON and len(past) > 2 * season else 0
        filled = _interpolated(values)
        self._seasonal = int(bool(self._period) and _strength(filled, self._period) > STRONG)
        rest = filled[self._period :] - filled[: -self._period] if self._seasonal else filled
        self._differences = int(_wanders(rest))
        tried: dict[Order, Any] = {}

        def cost(order: Order) -> float:
            if order not in tried:
                tried[order] = self._try(values[-SEARCHED:], order, self._offset + max(0, len(values) - SEARCHED), 20)
            return float(tried[order].aicc) if tried[order] is not None else np.inf

        first = [self._within(order) for order in FIRST]
        best = min(first, key=cost)
        while len(tried) < MOST_FITS:
            near = [order for order in _neighbours(best, bool(self._period)) if order not in tried]
            better = min(near, key=cost, default=best)
            if cost(better) >= cost(best):
                break
            best = better
        found = self._try(values, best, self._offset, 50) or tried[best]
        if found is None:
            raise ValueError("no ARIMA converges on these values")
        self._order, self._parameters = best, np.asarray(found.params)
        return self

    def paths(self, past: Floats, horizon: int, number: int, seed: int) -> Floats:
        found = self._applied(past)
        given = {"exog": self._regressors(len(past) + np.arange(horizon))} if self._waves else {}
        drawn = found.simulate(horizon, anchor="end", repetitions=number, rng=np.random.default_rng(seed), **given)
        return np.asarray(drawn).reshape(horizon, number).T

    def log_density(self, past: Floats, future: Floats) -> Floats:
        found = self._applied(np.concatenate([past, future]))
        means = np.asarray(found.filter_results.forecasts[0])[len(past) :]
        variances = np.asarray(found.filter_results.forecasts_error_cov[0, 0])[len(past) :]
        return normal_log_density(future, means, np.sqrt(np.maximum(variances, 1e-18)))

    def _within(self, order: Order) -> Order:
        p, q, sp, sq = order
        return (p, q, sp, sq) if self._period else (p, q, 0, 0)

    def _try(self, values: Floats, order: Order, begin: int, iterations: int) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = self._model(values, order, begin).fit(disp=False, maxiter=iterations, method="lbfgs")
            except (ValueError, np.linalg.LinAlgError, IndexError):
                return None
        return found if np.isfinite(found.aicc) and np.isfinite(found.params).all() else None

    def _model(self, values: Floats, order: Order, begin: int) -> Any:
        from statsmodels.tsa.statespace.sarimax import SARIMAX

        p, q, sp, sq = order
        constant = self._differences + self._seasonal < 2
        return SARIMAX(
            values,
            exog=self._regressors(begin + np.arange(len(values))) if self._waves else None,
            order=(p, self._differences, q),
            seasonal_order=(sp, self._seasonal, sq, self._period) if self._period else (0, 0, 0, 0),
            trend="c" if constant else "n",
            enforce_stationarity=True,
            enforce_invertibility=True,
        )

    def _applied(self, values: Floats) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self._model(values, self._order, 0).filter(self._parameters)

    def _regressors(self, places: Any) -> Floats:
        """(n, 2 K) sines and cosines of the season."""
        angle = 2 * np.pi * np.outer(np.asarray(places, float), np.arange(1, self._waves + 1)) / self._season
        return np.concatenate([np.sin(angle), np.cos(angle)], axis=1)


def _neighbours(order: Order, seasonal: bool) -> list[Order]:
    found = []
    for at in range(4 if seasonal else 2):
        for by in (-1, 1):
            changed = list(order)
            changed[at] += by
            if 0 <= changed[at] <= MOST_ORDER[at]:
                found.append((changed[0], changed[1], changed[2], changed[3]))
    return found


def _interpolated(values: Floats) -> Floats:
    known = np.flatnonzero(np.isfinite(values))
    return np.interp(np.arange(len(values)), known, values[known])


def _strength(values: Floats, period: int) -> float:
    """Return how strong a season is, from 0 to 1, by STL."""
    from statsmodels.tsa.seasonal import STL

    found = STL(values, period=period).fit()
    both = np.var(found.seasonal + found.resid)
    return max(0.0, 1 - float(np.var(found.resid) / both)) if both > 0 else 0.0


def _wanders(values: Floats) -> bool:
    """Return whether a KPSS test rejects that the values have a level (Kwiatkowski et al. 1992), at 5 %."""
    from statsmodels.tsa.stattools import kpss

    if len(values) < 12 or np.ptp(values) == 0:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bool(kpss(values, regression="c", nlags="auto", result_object=False)[1] < 0.05)
