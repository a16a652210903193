"""Two laws of texts, measured and fitted: Zipf's (rank and frequency) and Heaps' (length and vocabulary).

Zipf (1935), *The Psycho-Biology of Language*; Heaps (1978), *Information Retrieval*, section 7.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lmcompare.tokens import IntArray

PER_DECADE = 12  # points of a curve: enough to see its form, and each decade counts the same in the fit
LEAST_COUNT = 5  # the counts of rarer types form steps, which no line describes
LEAST_LENGTH = 100  # tokens: nearly every token of a shorter text is a new type


@dataclass(frozen=True)
class Law:
    """A curve, and the power law ``y = factor * x ** exponent`` that was fitted to it.

    Parameters
    ----------
    x, y : tuple of float
        Points of the curve, evenly spaced on a logarithmic axis.
    exponent, factor : float or None
        The least-squares line on logarithmic axes; None if fewer than three points take part in the fit.
    fitted : tuple of float
        The first and the last x that took part in the fit; empty without one.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    exponent: float | None = None
    factor: float | None = None
    fitted: tuple[float, ...] = ()

    def at(self, x: float) -> float:
        """Return the fitted law at x."""
        assert self.exponent is not None
        assert self.factor is not None
        return float(self.factor * x**self.exponent)


def zipf(counts: IntArray | Sequence[int]) -> Law:
    """Return the frequency of types by their rank.

    The law is fitted to the types that occur ``LEAST_COUNT`` times or more; its exponent is negative.

    Parameters
    ----------
    counts : (T,) int array
        The count of each type, in any order.
    """
    ordered = np.sort(np.asarray(counts, np.int64))[::-1]
    ordered = ordered[ordered > 0]
    ranks = _spaced(len(ordered))
    return _law(ranks, ordered[ranks - 1], ordered[ranks - 1] >= LEAST_COUNT)


def heaps(types: IntArray | Sequence[int]) -> Law:
    """Return the number of different types in the first n tokens of a text.

    The law is fitted from ``LEAST_LENGTH`` tokens on.

    Parameters
    ----------
    types : (N,) int array
        The type of each token, in the order of the text.
    """
    tokens = np.asarray(types, np.int64)
    lengths = _spaced(len(tokens))
    _, first = np.unique(tokens, return_index=True)  # where each type occurs first
    grown = np.searchsorted(np.sort(first), lengths)
    return _law(lengths, grown, lengths >= LEAST_LENGTH)


def _spaced(most: int) -> IntArray:
    """Return whole numbers from 1 to ``most``, evenly spaced on a logarithmic axis; the last one is ``most``."""
    if not most:
        return np.zeros(0, np.int64)
    points = 1 + round(PER_DECADE * float(np.log10(most)))
    found: IntArray = np.unique(np.rint(np.geomspace(1, most, points)).astype(np.int64))
    return found


def _law(x: IntArray, y: IntArray, fits: npt.NDArray[np.bool_]) -> Law:
    points = tuple(map(float, x)), tuple(map(float, y))
    chosen = np.flatnonzero(fits)
    if len(chosen) < 3:
        return Law(*points)
    exponent, constant = np.polyfit(np.log(x[chosen]), np.log(y[chosen]), 1)
    ends = float(x[chosen[0]]), float(x[chosen[-1]])
    return Law(*points, float(exponent), float(np.exp(constant)), ends)
