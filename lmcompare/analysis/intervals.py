"""Intervals and p-values by a paired, studentised bootstrap of ratios, and over several trainings.

The figure is a ratio of sums over U units (documents): Σ bits / Σ bytes. A resample draws U units with replacement,
the same ones for every model. Plain percentile and BCa intervals cover too little for ratios over few units of
unequal length; the symmetric studentised interval keeps its level from ten units on (figures in docs/metrics.md).

Sources: Efron and Tibshirani (1993), "An Introduction to the Bootstrap", chapter 12 (bootstrap-t); Hall (1988),
"On symmetric bootstrap confidence intervals", JRSS B 50 (symmetric); Cochran (1977), "Sampling Techniques", eq. 6.13
(standard error of a ratio); Holm (1979), Scandinavian Journal of Statistics 6.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from lmcompare.runfolder.files import Array

RESAMPLES = 10_000
LEVEL = 0.95
LEAST_UNITS = 5  # with fewer, one resample in twenty may consist of a single unit
FARTHEST = 1_000  # standard errors: an interval that reaches further says that resamples without one unit hardly vary
CHUNK = 2**20  # counts in memory at a time


@dataclass(frozen=True)
class Bootstrap:
    """K ratios with their standard errors, and the (R, K) studentised deviations of R resamples.

    ``units`` (K,) is the number of units of each ratio, those with a denominator above zero.
    """

    estimate: Array
    error: Array
    deviations: Array
    units: Array

    def interval(self, level: float = LEVEL, least_units: int = LEAST_UNITS) -> tuple[Array, Array]:
        """(K,) lower and upper ends, symmetric about the estimate.

        NaN where there are too few units, or where nearly all of the variation is in one of them.
        """
        reach = np.quantile(np.abs(self.deviations), level, axis=0, method="higher")
        with np.errstate(invalid="ignore"):
            half = reach * self.error
        half = np.where(self.error <= _tiny(self.estimate), 0.0, half)
        half = np.where((self.units >= least_units) & (half <= FARTHEST * self.error), half, np.nan)
        return self.estimate - half, self.estimate + half

    def p_values(self) -> Array:
        """(K,) two-sided p-values of "the ratio is zero": the share of resamples that deviate as much.

        1 if there are too few units.
        """
        tiny = _tiny(self.estimate)
        with np.errstate(divide="ignore", invalid="ignore"):
            observed = np.abs(self.estimate) / self.error
        observed = np.where(self.error > tiny, observed, np.where(np.abs(self.estimate) > 1e-12, np.inf, 0.0))
        as_far = np.where(np.isinf(observed), 0, (np.abs(self.deviations) >= observed).sum(axis=0))
        p = (1 + as_far) / (1 + len(self.deviations))
        return np.where((self.units >= LEAST_UNITS) & np.isfinite(self.estimate), p, 1.0)

    def with_trainings(self, error: Array, freedom: int, seed: int = 0) -> Bootstrap:
        """Return the same ratios with the variation between trainings added to that between texts.

        The two are independent, so a deviation is the sum of a resample's and one over seeds, which follows Student's
        t for means of normal figures. All ratios share the draws, as they share the resamples, so that equal ratios
        have equal intervals.

        Parameters
        ----------
        error : array of shape (K,)
            The standard error over seeds, 0 where no variation is known.
        freedom : int
            Its degrees of freedom.
        """
        drawn = np.random.default_rng(seed).standard_t(max(freedom, 1), (len(self.deviations), 1))
        whole = np.hypot(self.error, error)
        with np.errstate(divide="ignore", invalid="ignore"):
            both = (np.where(self.error > 0, self.deviations * self.error, 0.0) + drawn * error) / whole
        varies = error > _tiny(self.estimate)
        return replace(
            self, error=np.where(varies, whole, self.error), deviations=np.where(varies, both, self.deviations)
        )


def over_trainings(variances: Array, seeds: Array) -> tuple[Array, int]:
    """Return (M,) the squared standard errors of M models' means over seeds, and their common degrees of freedom.

    Few seeds estimate a variance poorly, so variances above zero are pooled, as in an analysis of variance; a model
    that varies more keeps its own.

    Parameters
    ----------
    variances : array of shape (M,)
        Over the S seeds of each model, with divisor S − 1; 0 if S is 1.
    seeds : array of shape (M,)
        S of each model.
    """
    varying = (variances > 0) & (seeds > 1)
    freedom = int((seeds - 1)[varying].sum())
    if not freedom:
        return np.zeros(len(variances)), 0
    pooled = float(((seeds - 1) * variances)[varying].sum() / freedom)
    return np.where(varying, np.maximum(variances, pooled) / seeds, 0.0), freedom


def ratio_bootstrap(
    numerators: Array, denominators: Array, *, resamples: int = RESAMPLES, seed: int = 0
) -> Bootstrap:
    """Resample units and studentise K ratios at once.

    A difference of two ratios with the same denominator is a ratio too: give the difference of their numerators.

    Parameters
    ----------
    numerators : array of shape (U, K)
        Finite.
    denominators : array of shape (U, K) or (U, 1)
        Finite and at least zero; (U, 1) if all ratios share it.
    """
    units = len(numerators)
    total = denominators.sum(axis=0)  # (K,) or (1,)
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = numerators.sum(axis=0) / total
        residual = numerators - estimate * denominators  # (U, K); the deviation of a resample is linear in it
        scale = units / max(units - 1, 1)
        error = np.sqrt(scale * (residual**2).sum(axis=0)) / total
    residual = np.where(np.isfinite(residual), residual, 0.0)
    # side by side, since one product with the counts takes little more time than a fifth of this
    parts = (denominators, denominators**2, residual, residual * denominators, residual**2)
    side_by_side = np.concatenate(parts, axis=1)
    ends = np.cumsum([part.shape[1] for part in parts])[:-1]
    deviations = np.empty((resamples, numerators.shape[1]))
    done = 0
    for counts in resample_counts(units, resamples, np.random.default_rng(seed)):  # (B, U)
        drawn, drawn_squares, moved, crossed, around = np.split(counts @ side_by_side, ends, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            shift = moved / drawn  # R* − R
            # Σ w (x − R* y)², written around R so that nothing cancels
            spread = around - 2 * shift * crossed + shift**2 * drawn_squares
            # less is rounding: a single unit, drawn again and again
            spread = np.where(spread > 1e-10 * around, spread, 0.0)
            studentised = shift * drawn / np.sqrt(scale * spread)
        # a resample without spread or without a denominator counts as infinitely far off
        deviations[done : done + len(counts)] = np.where(np.isnan(studentised), np.inf, studentised)
        done += len(counts)
    on = np.broadcast_to((denominators > 0).sum(axis=0), estimate.shape)
    return Bootstrap(estimate, np.broadcast_to(error, estimate.shape), deviations, on)


def resample_counts(units: int, resamples: int, rng: np.random.Generator) -> Iterator[Array]:
    """Yield (B, U) blocks, R rows in all: how often each unit is drawn in a resample of U draws."""
    rows = max(1, CHUNK // max(units, 1))
    for first in range(0, resamples, rows):
        size = min(rows, resamples - first)
        drawn = rng.integers(0, units, (size, units))
        drawn += units * np.arange(size)[:, None]
        yield np.bincount(drawn.ravel(), minlength=size * units).reshape(size, units).astype(np.float64)


def holm(p_values: Array) -> Array:
    """Return the p-values of m tests adjusted by Holm's step-down method, in the order given.

    The i-th smallest (from 1) is multiplied by m − i + 1, never falls below a smaller one's and never exceeds 1.
    """
    order = np.argsort(p_values, kind="stable")
    m = len(p_values)
    stepped = np.maximum.accumulate(p_values[order] * (m - np.arange(m)))
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def rank_ranges(estimates: Array, apart: Array) -> tuple[Array, Array]:
    """Return the lowest and the highest rank that the data allow each of M models; less is better.

    At first, the lowest rank is 1 + the number of models that are significantly better, and the highest is M − the
    number of models that are significantly worse. A model with a worse figure can then have a better rank, since it
    can be tied with a model that is significantly better than the other one. So the lowest rank becomes the smallest
    among the model and all with worse figures, and the highest the largest among the model and all with better ones.

    Parameters
    ----------
    estimates : array of shape (M,)
    apart : bool array of shape (M, M)
        Whether two models differ significantly.
    """
    better = estimates[:, None] < estimates[None, :]  # [i, j]: i has a better figure than j
    size = len(estimates)
    low = 1 + (better & apart).sum(axis=0)
    high = size - (better & apart).sum(axis=1)
    lowest = np.where(better, size, low[:, None]).min(axis=0, initial=size)  # over all i that are not better than j
    highest = np.where(better, 1, high[None, :]).max(axis=1, initial=1)  # over all j that are not worse than i
    return lowest, highest


def _tiny(estimate: Array) -> Array:
    """Standard errors up to here are rounding: the units do not differ at all."""
    return np.asarray(1e-12 * (1.0 + np.abs(estimate)))
