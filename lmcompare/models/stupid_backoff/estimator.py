"""Stupid back-off (Brants et al. 2007, equation 5): relative frequencies as scores, which do not sum to one.

``S(w | h) = c(h w) / c(h)`` if w was seen after h, else ``α S(w | h')``. The paper's recursion ends at the unigrams
and gives no score to a word that does not occur in the training text; here it has α / V.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.estimating import raw_counts as raw
from lmcompare.counts.lookup.table import BackoffTable


def estimate(counts: Sequence[Counts], size: int, alpha: float) -> BackoffTable:
    """Return the table of scores over ``size`` types.

    Every context in the table backs off with α. A context that is not in the table costs α too; the table does not
    know it, so the model adds that factor.
    """
    orders = raw.orders(counts)
    scores = [raw.relative(order) for order in orders]
    scores[0] = np.where(orders[0].counts > 0, scores[0], alpha / size)
    return raw.table(counts, size, scores, [np.full(len(level), alpha) for level in counts[:-1]])
