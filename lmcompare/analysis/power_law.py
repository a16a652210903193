"""Power laws with an offset, figure = floor + scale · words^−exponent, fitted to few points, and their forecasts.

The form is that of Hestness et al. (2017), "Deep Learning Scaling is Predictable, Empirically", equation 1. For each
exponent of a grid the floor and the scale are those of least squares, which are found in closed form, so that no
start is needed and no minimum is missed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmcompare.runfolder.parquet import Array

LEAST_POINTS = 4  # a law of three numbers through three points fits whatever they are
LEAST_TO_FORECAST = 5
EXPONENTS = np.geomspace(0.02, 2.0, 47)  # a tenth apart; published exponents are between 0.05 and 0.5
BETWEEN = np.geomspace(1 / 1.1, 1.1, 97)  # around the best of them, a fifth of a percent apart
RESAMPLES = 2_000


@dataclass(frozen=True)
class Law:
    """Power laws that were fitted to B sets of n figures at the same amounts of text.

    Parameters
    ----------
    reference : float
        The largest number of words, at which the scale is measured.
    floor, scale, exponent : array of shape (B,)
        The figure at an infinite amount of text, what it is above that at ``reference``, and the exponent.
    residual : array of shape (B,)
        The sum of squared residuals.
    """

    reference: float
    floor: Array
    scale: Array
    exponent: Array
    residual: Array

    def at(self, words: Array) -> Array:
        """(B, m) the figures at m numbers of words."""
        ratio = np.asarray(words, np.float64)[None] / self.reference
        return np.asarray(self.floor[:, None] + self.scale[:, None] * ratio ** -self.exponent[:, None])


def fit(words: Array, figures: Array) -> Law:
    """Fit a power law to each row of ``figures`` (B, n) at n numbers of words.

    The floor is at least 0, and so is the scale: no model gets worse with more text, in the long run.
    """
    reference = float(words.max())
    best = _least_squares(words / reference, figures, np.full(len(figures), EXPONENTS[0]))
    for exponent in EXPONENTS[1:]:
        best = _better(best, _least_squares(words / reference, figures, np.full(len(figures), exponent)))
    coarse = best[-1]
    for factor in BETWEEN:
        best = _better(best, _least_squares(words / reference, figures, coarse * factor))
    residual, floor, scale, exponent = best
    return Law(reference, floor, scale, exponent, residual)


def _least_squares(ratio: Array, figures: Array, exponent: Array) -> Array:
    """(4, B) residual, floor, scale and exponent of the best law with these exponents (B,)."""
    x = ratio[None] ** -exponent[:, None]  # (B, n)
    mean = x.mean(axis=1, keepdims=True)
    scale = np.maximum((figures * (x - mean)).sum(axis=1) / ((x - mean) ** 2).sum(axis=1), 0.0)
    floor = figures.mean(axis=1) - scale * mean[:, 0]
    through_zero = floor < 0
    scale = np.where(through_zero, (figures * x).sum(axis=1) / (x**2).sum(axis=1), scale)
    floor = np.where(through_zero, 0.0, floor)
    residual = ((figures - floor[:, None] - scale[:, None] * x) ** 2).sum(axis=1)
    return np.stack([residual, floor, scale, exponent])


def _better(one: Array, other: Array) -> Array:
    return np.where(one[0] <= other[0], one, other)


@dataclass(frozen=True)
class Fitted:
    """A power law, with draws of what it might be as well as the law.

    Parameters
    ----------
    law : Law
        Of one row: that of the points.
    draws : Law
        Of B rows: laws that were fitted to points which deviate from the law as the points do.
    noise : array of shape (B,)
        The standard deviation of a point from the law, in each draw.
    points : int
        n.
    """

    law: Law
    draws: Law
    noise: Array
    points: int

    @property
    def improves(self) -> bool:
        """Whether the figure falls with more text in nearly all draws, so that an exponent means something."""
        return bool(np.quantile(self.draws.scale, 0.025) > 0)

    def exponent(self, level: float = 0.95) -> tuple[float, float, float]:
        """Return the exponent and its interval."""
        low, high = np.quantile(self.draws.exponent, [(1 - level) / 2, (1 + level) / 2])
        return float(self.law.exponent[0]), float(low), float(high)

    def forecast(self, words: Array, level: float = 0.8, seed: int = 0) -> tuple[Array, Array, Array]:
        """Return (m,) the figures at m numbers of words, and the ends of the band in which measured ones lie."""
        noise = np.random.default_rng(seed).standard_normal((len(self.noise), len(words))) * self.noise[:, None]
        low, high = np.quantile(self.draws.at(words) + noise, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return self.law.at(words)[0], low, high


def fitted(words: Array, figures: Array, resamples: int = RESAMPLES, seed: int = 0) -> Fitted | None:
    """Return the power law of n points, or None where they do not allow one.

    They do not with fewer than four points, or where the figure does not fall with more text. The draws are
    parametric: the variance of the residuals is drawn from its distribution, and points from the law with that
    variance.
    """
    n = len(words)
    if n < LEAST_POINTS:
        return None
    law = fit(words, figures[None])
    rng = np.random.default_rng(seed)
    freedom = n - 3
    noise = np.sqrt(law.residual[0] / rng.chisquare(freedom, resamples))
    drawn = law.at(words) + rng.standard_normal((resamples, n)) * noise[:, None]
    found = Fitted(law, fit(words, drawn), noise, n)
    return found if found.improves else None
