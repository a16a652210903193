"""Forecasting a series of numbers: what a forecaster is, simple methods, exponential smoothing and ARIMA.

The simple methods: Hyndman and Athanasopoulos (2021), *Forecasting: Principles and Practice*, third edition, sections
5.2 and 5.5. The others are those of statsmodels.
"""

from __future__ import annotations

import inspect
import warnings
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from lmcompare.errors import PluginError
from lmcompare.registry import Registry

Floats = npt.NDArray[np.float64]


class Forecaster(ABC):
    """A method of forecasting one series at a time.

    Attributes
    ----------
    title : str
        Its name for people.
    source : str
        The publication of its idea, in a few words.
    needs : str
        The package that it needs, "" for none; a missing package is reported before anything is computed.
    """

    title: ClassVar[str]
    source: ClassVar[str] = ""
    needs: ClassVar[str] = ""

    @abstractmethod
    def fit(self, past: Floats, season: int) -> Self:
        """Learn from the training values (n,) of a series, NaN where one is missing.

        Parameters
        ----------
        past : (n,) float64 array
        season : int
            How many steps are a season; 1 for none.
        """

    @abstractmethod
    def paths(self, past: Floats, horizon: int, number: int, seed: int) -> Floats:
        """Return (number, horizon) drawn continuations of a past (n,), without learning from it."""

    def log_density(self, past: Floats, future: Floats) -> Floats | None:
        """Return (m,) the log-density in nats of each future value, given those before it; None if it has none.

        NaN where a value is missing.
        """
        return None


def _checked(found: Any, name: str) -> type[Forecaster]:
    if not (inspect.isclass(found) and issubclass(found, Forecaster)):
        raise PluginError(f"'{name}' is not a class derived from lmcompare.forecasting.Forecaster")
    if inspect.isabstract(found):
        raise PluginError(f"the forecaster '{name}' lacks {', '.join(sorted(found.__abstractmethods__))}")
    if not isinstance(getattr(found, "title", None), str):
        raise PluginError(f"the forecaster '{name}' has no title: give its class one, as it is to be shown")
    return found


FORECASTERS: Registry[type[Forecaster]] = Registry("lmcompare.forecasters", "forecaster", _checked)


def make_forecaster(name: str) -> Forecaster:
    """Return an untrained forecaster.

    Raises
    ------
    PluginError
        For a name that no forecaster has, and a class that can't be made.
    """
    return FORECASTERS.resolve(name)()


def normal_log_density(values: Floats, means: Floats, deviations: Floats) -> Floats:
    """(n,) the log-density in nats of normal distributions."""
    found: Floats = -0.5 * np.log(2 * np.pi) - np.log(deviations) - 0.5 * ((values - means) / deviations) ** 2
    return found


def least_deviation(past: Floats) -> float:
    """Return the smallest standard deviation of errors, which is tiny beside that of the values.

    It replaces the deviation 0 of a series without errors.
    """
    return 1e-9 * (float(np.nanstd(past)) or 1.0)


def carried(values: Floats) -> Floats:
    """Return values (n,) with missing ones replaced by the last known one; NaN before the first."""
    at = np.where(np.isfinite(values), np.arange(len(values)), -1)
    last = np.maximum.accumulate(at) if len(at) else at
    found: Floats = np.where(last >= 0, values[np.maximum(last, 0)], np.nan)
    return found


class SeasonalNaive(Forecaster):
    """The value a season ago, with the errors of the training values; without a season the last value."""

    title = "Seasonal naive"
    source = "Hyndman and Athanasopoulos 2021, section 5.2"

    def fit(self, past: Floats, season: int) -> Self:
        self.season = season if len(past) > 2 * season else 1
        errors = past[self.season :] - past[: -self.season]
        errors = errors[np.isfinite(errors)]
        deviation = float(np.sqrt(np.mean(errors**2))) if len(errors) else 0.0
        self.deviation = max(least_deviation(past), deviation)
        return self

    def paths(self, past: Floats, horizon: int, number: int, seed: int) -> Floats:
        generator = np.random.default_rng(seed)
        last = carried(past)[-self.season :]
        drawn = np.empty((number, horizon))
        for step in range(horizon):
            before = drawn[:, step - self.season] if step >= self.season else np.full(number, last[step])
            drawn[:, step] = before + self.deviation * generator.standard_normal(number)
        return drawn

    def log_density(self, past: Floats, future: Floats) -> Floats:
        values = np.concatenate([past, future])
        means = carried(values)[len(past) - self.season : -self.season]
        return normal_log_density(future, means, np.full(len(future), self.deviation))


class Drift(Forecaster):
    """The last value, and for each step the mean change of the training values."""

    title = "Drift"
    source = "Hyndman and Athanasopoulos 2021, section 5.2"

    def fit(self, past: Floats, season: int) -> Self:
        known = np.flatnonzero(np.isfinite(past))
        steps = np.diff(known)
        changes = np.diff(past[known])
        self.slope = float(changes.sum() / steps.sum())
        errors = changes - self.slope * steps
        self.deviation = max(least_deviation(past), float(np.sqrt(np.mean(errors**2 / steps))))
        return self

    def paths(self, past: Floats, horizon: int, number: int, seed: int) -> Floats:
        last = int(np.flatnonzero(np.isfinite(past))[-1])
        missing = len(past) - 1 - last  # steps from the last known value to the origin
        noise = np.random.default_rng(seed).standard_normal((number, missing + horizon))
        found: Floats = past[last] + (self.slope + self.deviation * noise).cumsum(axis=1)[:, missing:]
        return found

    def log_density(self, past: Floats, future: Floats) -> Floats:
        values = np.concatenate([past, future])
        known = np.where(np.isfinite(values), np.arange(len(values)), -1)
        last = np.maximum.accumulate(known)[len(past) - 1 : -1]
        steps = np.arange(len(past), len(values)) - last
        return normal_log_density(future, values[last] + self.slope * steps, self.deviation * np.sqrt(steps))


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


LONGEST_SMOOTHED = 24  # STL removes a longer season before smoothing
MOST_SMOOTHED = 2_000  # training values from which parameters are estimated


class Ets(Forecaster):
    """Exponential smoothing with additive errors, with or without a damped trend and a season.

    Hyndman, Koehler, Ord and Snyder (2008), *Forecasting with Exponential Smoothing*. A season of more than 24 steps
    is found by STL (Cleveland et al. 1990) in the training values and repeated; what is left is smoothed.
    """

    title = "ETS"
    source = "Hyndman, Koehler, Ord and Snyder 2008"
    needs = "statsmodels"

    def fit(self, past: Floats, season: int) -> Self:
        self._length, self._skipped = len(past), max(0, len(past) - MOST_SMOOTHED)
        values = _filled(past)
        self._period = season if season > LONGEST_SMOOTHED and len(values) > 2 * season + 1 else 0
        self._cycle = np.zeros(max(1, self._period))
        if self._period:
            from statsmodels.tsa.seasonal import STL

            found = np.asarray(STL(values, period=self._period, robust=True).fit().seasonal)
            self._cycle = found[-self._period :]
            values = values - found
        own = season if 2 <= season <= LONGEST_SMOOTHED and len(values) >= 2 * season + 4 else 0
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
