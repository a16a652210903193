"""Interpolated absolute discounting (Ney, Essen and Kneser 1994; Chen and Goodman 1999, section 2.6).

``p(w | h) = max(c(h w) - D, 0) / c(h) + D T(h) / c(h) p(w | h')``, with one discount D for each order and T(h) the
number of different words seen after h.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.estimating import raw_counts as raw
from lmcompare.counts.lookup.table import BackoffTable

FALLBACK = 0.5


def discount(level: Counts) -> tuple[float, str]:
    """Return the discount of one order, and the reason if it is the fixed one (else an empty string).

    ``D = n1 / (n1 + 2 n2)``, where n1 and n2 are the numbers of k-grams that occur once and twice. If either is 0,
    the discount is ``FALLBACK``.
    """
    _, n1, n2 = raw.counts_of_counts(level, 2).tolist()
    for count, n in ((1, n1), (2, n2)):
        if not n:
            return FALLBACK, f"none occurs {raw.times(count)}"
    return n1 / (n1 + 2 * n2), ""


def estimate(counts: Sequence[Counts], size: int, discounts: Sequence[float]) -> BackoffTable:
    """Return the table for one discount an order over ``size`` types, interpolated from the unigrams up."""
    parts = []
    for order, d in zip(raw.orders(counts), discounts, strict=True):
        own = raw.divided((order.counts - d).clip(min=0), order.totals[order.contexts], 0.0)
        parts.append((own, raw.divided((d * order.types).astype(np.float64), order.totals, 1.0)))
    return raw.interpolated(counts, size, parts)
