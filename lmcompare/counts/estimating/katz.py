"""Katz's back-off with Good-Turing discounts (Katz 1987; Chen and Goodman 1999, section 2.4).

``p(w | h) = d_c c(h w) / c(h)`` if w was seen after h, else ``α(h) p(w | h')``. d_r is the share of a count r that is
kept, for r up to the cutoff (``ratios``), and 1 above it. α(h) makes the sum one: it is the probability that the seen
words leave, over the probability that h' gives to the unseen words. Unigrams back off to the uniform distribution.

A context without any discounted count is counted once more, and that count goes to the shorter context. A context
after which all V words were seen leaves nothing, and no count after it is discounted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.estimating import raw_counts as raw
from lmcompare.counts.estimating.raw_counts import Array, Order
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.tokens import IntArray

CUTOFF = 5
FALLBACK = 0.5


def estimate(counts: Sequence[Counts], size: int, kept: Sequence[Array]) -> BackoffTable:
    """Return the table over ``size`` types for what each order keeps of its counts, worked from the unigrams up."""
    probabilities: list[Array] = []
    weights: list[Array] = []
    below, left = np.full(size + 1, 1 / size), np.ones(1)
    types_below: IntArray = np.zeros(1, np.int64)
    parents: IntArray = np.zeros(1, np.int64)  # h' of each context h
    for order, of_order in zip(raw.orders(counts), kept, strict=True):
        share, spare = shares(order, of_order, size)
        lower = np.bincount(order.contexts, weights=below[order.shorter] * (order.counts > 0), minlength=len(spare))
        # The probability that h' gives to words unseen after h: to words unseen after h' too, and to the others.
        more = order.types < types_below[parents] if len(probabilities) else order.types < 0
        others = np.where(more, (1 - left[parents] - lower).clip(min=0), 0.0)
        unseen = left[parents] + others if len(probabilities) else (size - order.types) / size
        alpha = np.where(order.types == size, 1.0, raw.divided(spare, unseen, 1.0))
        alpha[order.types == 0] = 1.0
        below = np.where(order.counts > 0, share, alpha[order.contexts] * below[order.shorter])
        probabilities.append(below)
        weights.append(alpha)
        left, types_below, parents = spare, order.types, order.shorter
    return raw.table(counts, size, probabilities, weights[1:])


def order_ratios(level: Counts, cutoff: int) -> tuple[Array, str]:
    """Return the share of the counts 0 … r that one order keeps, and the reason if r is below the cutoff (else "").

    r is the greatest number up to the cutoff for which ``ratios`` are usable. If there is none, the array has one
    element: then the fixed discount ``FALLBACK`` is taken off every count.
    """
    n = raw.counts_of_counts(level, cutoff + 1)
    reason = ""
    for most in range(cutoff, 0, -1):
        found, problem = ratios(n, most)
        if not problem:
            return np.append(0.0, found), reason
        reason = reason or problem
    return np.zeros(1), reason


def ratios(n: IntArray, most: int) -> tuple[Array, str]:
    """Return d_1 … d_most, and the reason if they are unusable (else an empty string).

    ``d_r = (r* / r - A) / (1 - A)`` with ``r* = (r + 1) n_{r+1} / n_r`` and ``A = (most + 1) n_{most+1} / n_1``
    (Katz 1987, equation 15). The discounts are proportional to those of Good and Turing, and together free the
    probability that Good and Turing give to unseen n-grams. The ratios are usable if each count up to ``most`` occurs
    and each ratio is above 0 and at most 1.

    Parameters
    ----------
    n : IntArray
        The counts of counts n_0, n_1 …, up to at least n_{most+1}.
    most : int
        The greatest count that is discounted.
    """
    for r in range(1, most + 1):
        if not n[r]:
            return np.zeros(0), f"none occurs {raw.times(r)}"
    counts = np.arange(1, most + 1)
    good_turing = (counts + 1) * n[2 : most + 2] / n[1 : most + 1] / counts  # r* / r
    above = (most + 1) * n[most + 1] / n[1]
    if above >= 1:
        return np.zeros(0), f"too many occur {raw.times(most + 1)}"
    found = (good_turing - above) / (1 - above)
    for j, d in enumerate(found, 1):
        if not 0 < d <= 1:
            return np.zeros(0), f"the ratio of the count {j} would be {d:.3g}"
    return found, ""


def discounted(order: Order, kept: Array, size: int) -> tuple[Array, Array]:
    """(n_k,) the share of each count that is kept, and (n_{k-1},) the total that the counts after a context share."""
    ratio = np.where((order.types == size)[order.contexts], 1.0, _kept_shares(kept, order.counts))
    return ratio, order.totals + _is_lossless(order, kept, size)


def shares(order: Order, kept: Array, size: int) -> tuple[Array, Array]:
    """(n_k,) the probabilities of seen words, and (n_{k-1},) what each context leaves to unseen words."""
    ratio, totals = discounted(order, kept, size)
    cut = np.bincount(order.contexts, weights=(1 - ratio) * order.counts, minlength=len(totals))
    lost: Array = cut.astype(np.float64) + _is_lossless(order, kept, size)
    share = raw.divided(ratio * order.counts, totals[order.contexts], 0.0)
    return share, raw.divided(lost, totals, 1.0)


def _kept_shares(kept: Array, counts: Array) -> Array:
    """Return the share of each count that is kept."""
    if len(kept) == 1:
        return raw.divided(counts - FALLBACK, counts, 0.0)
    found: Array = np.append(kept, 1.0)[counts.astype(np.int64).clip(max=len(kept))]
    return found


def _is_lossless(order: Order, kept: Array, size: int) -> npt.NDArray[np.bool_]:
    """(n_{k-1},) whether no count after a context is discounted although some words were not seen after it."""
    lost = (1 - _kept_shares(kept, order.counts)) * order.counts
    cut = np.bincount(order.contexts, weights=lost, minlength=len(order.totals))
    found: npt.NDArray[np.bool_] = (cut <= 0) & (order.types > 0) & (order.types < size)
    return found
