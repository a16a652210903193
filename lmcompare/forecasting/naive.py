"""The simplest forecasts: the value a season ago, and the last value with the mean change added.

Hyndman and Athanasopoulos (2021), *Forecasting: principles and practice*, 3rd edition, sections 5.2 and 5.5.
"""

from __future__ import annotations

from typing import Self

import numpy as np

from lmcompare.forecasting.contract import Floats, Forecaster


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
