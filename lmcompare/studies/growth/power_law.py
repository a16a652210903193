"""Power laws with an offset, figure = floor + scale · words^−exponent, for few points, and what they forecast.

The form is that of Hestness et al. (2017), "Deep Learning Scaling is Predictable, Empirically", equation 1. The
shares of a text are parts of each other: what makes one share easier or harder than usual is also in all larger ones.
So the points deviate from the law as a random walk over the logarithm of the words, and the forecast begins at the
last point instead of at the law (docs/amount-of-text.md has what this gains).

What is known of the law is drawn from its posterior distribution (Gelman et al. 2013, "Bayesian Data Analysis",
section 14.2): given the exponent, the figures are linear in floor and scale, which are uniform above 0; the exponent
is log-uniform on a grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmcompare.runfolder.files import Array

LEAST_POINTS = 5  # the fit estimates three numbers and a variance
EXPONENTS = np.geomspace(0.03, 1.0, 200)  # published ones are between 0.05 and 0.5
INDEPENDENT = 0.01  # the variance of a share's own deviation; that of the walk is 1 while the words grow e-fold
SURE = 0.975  # the probability with which the figure must fall with more text
DRAWS = 4_000
EXACT = 1e-12  # a smaller sum of squared residuals is rounding


@dataclass(frozen=True)
class Law:
    """Draws of the power law of n points, R in all.

    Parameters
    ----------
    words, figures : array of shape (n,)
        The points.
    floor, scale, exponent : array of shape (R,)
        The figure with infinitely much text, what the last point of the law is above that, and the exponent.
    deviation : array of shape (R,)
        The standard deviation of the random walk while the words grow e-fold.
    """

    words: Array
    figures: Array
    floor: Array
    scale: Array
    exponent: Array
    deviation: Array

    def interval_of_exponent(self, level: float = 0.95) -> tuple[float, float]:
        """Return the interval of the exponent."""
        low, high = np.quantile(self.exponent, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def forecast(self, words: Array, level: float = 0.8, seed: int = 0) -> tuple[Array, Array, Array]:
        """Return (m,) the medians of the figures at m numbers of words, and the ends of the bands that hold them."""
        n = len(self.words)
        covariance = _covariance(np.concatenate([self.words, words]))
        carried = covariance[n:, :n] @ np.linalg.inv(covariance[:n, :n])  # (m, n)
        left = covariance[n:, n:] - carried @ covariance[:n, n:]
        residuals = self.figures - self._law(self.words)  # (R, n)
        noise = np.random.default_rng(seed).standard_normal((len(self.floor), len(words)))
        walk = residuals @ carried.T + self.deviation[:, None] * (noise @ np.linalg.cholesky(left).T)
        low, median, high = np.quantile(self._law(words) + walk, [(1 - level) / 2, 0.5, (1 + level) / 2], axis=0)
        return median, low, high

    def _law(self, words: Array) -> Array:
        """(R, m) the law at m numbers of words, without deviations."""
        return np.asarray(
            self.floor[:, None] + self.scale[:, None] * (words / self.words[-1]) ** -self.exponent[:, None]
        )


def _covariance(words: Array) -> Array:
    """(n, n) the covariance of the deviations of points, for a walk of variance 1 while the words grow e-fold."""
    at = np.log(words / words.min())
    return np.asarray(np.minimum.outer(at, at) + INDEPENDENT * np.eye(len(words)))


def fitted(words: Array, figures: Array, draws: int = DRAWS, seed: int = 0) -> Law | None:
    """Return the power law of n points at rising numbers of words, or None where they do not allow one.

    They allow none if there are fewer than five, or if it is not certain that the figure falls with more text.
    """
    n = len(words)
    if n < LEAST_POINTS:
        return None
    precision = np.linalg.inv(_covariance(words))
    x = np.stack([np.ones((len(EXPONENTS), n)), (words / words[-1]) ** -EXPONENTS[:, None]], axis=2)  # (E, n, 2)
    weighted = np.swapaxes(x, 1, 2) @ precision  # (E, 2, n)
    inverse = np.linalg.inv(weighted @ x)  # (E, 2, 2)
    best = (inverse @ (weighted @ figures)[:, :, None])[:, :, 0]  # (E, 2)
    residuals = figures - (x @ best[:, :, None])[:, :, 0]  # (E, n)
    squares = np.maximum(np.einsum("en,nm,em->e", residuals, precision, residuals), EXACT)
    likelihood = -0.5 * (n - 2) * np.log(squares)
    probability = np.exp(likelihood - likelihood.max())
    rng = np.random.default_rng(seed)
    which = rng.choice(len(EXPONENTS), 4 * draws, p=probability / probability.sum())
    deviation = np.sqrt(squares[which] / rng.chisquare(n - 2, len(which)))
    spread = np.linalg.cholesky(inverse)[which] @ rng.standard_normal((len(which), 2, 1))
    drawn = best[which] + deviation[:, None] * spread[:, :, 0]  # (4R, 2)
    falls = drawn[:, 1] > 0
    possible = np.flatnonzero(falls & (drawn[:, 0] >= 0))[:draws]
    if falls.mean() < SURE or not len(possible):
        return None
    floor, scale = drawn[possible].T
    return Law(words, figures, floor, scale, EXPONENTS[which][possible], deviation[possible])
