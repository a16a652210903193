"""Interpolated Witten-Bell smoothing (Witten and Bell 1991, method C; Chen and Goodman 1999, section 2.5).

``p(w | h) = (c(h w) + T(h) p(w | h')) / (c(h) + T(h))``, where T(h) is the number of different words seen after h.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.estimating import raw_counts as raw
from lmcompare.counts.lookup.table import BackoffTable


def estimate(counts: Sequence[Counts], size: int) -> BackoffTable:
    """Return the table of the orders in ``counts`` over ``size`` types, interpolated from the unigrams up."""
    parts = []
    for order in raw.orders(counts):
        whole = order.totals + order.types
        own = raw.divided(order.counts, whole[order.contexts], 0.0)
        parts.append((own, raw.divided(order.types.astype(np.float64), whole, 1.0)))
    return raw.interpolated(counts, size, parts)
