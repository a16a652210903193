"""Additive smoothing, Lidstone's law (Lidstone 1920; Chen and Goodman 1999, section 2.1).

``p(w | h) = (c(h w) + k) / (c(h) + k V)``, where h is always the last n - 1 words, or fewer from ``<s>`` on at the
beginning of a sentence: a shorter context is never used.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.estimating import raw_counts as raw
from lmcompare.counts.lookup.table import BackoffTable


def estimate(counts: Sequence[Counts], size: int, k: float) -> BackoffTable:
    """Return the table over ``size`` types.

    A *whole context* has n - 1 words or begins with ``<s>``. The n-grams after whole contexts have their
    probability; all shorter ones have 1 / V, and back off with weight 1. The back-off weight of a whole context,
    k V / (c(h) + k V), makes k / (c(h) + k V) of 1 / V.
    """
    probabilities, backoffs = [], []
    initial = np.ones(1, bool)  # of each context, whether it begins with <s>
    for k_gram, order in enumerate(raw.orders(counts), 1):
        is_whole = np.ones(len(order.totals), bool) if k_gram == len(counts) else initial & (k_gram > 1)
        total = order.totals + k * size
        own = (order.counts + k) / total[order.contexts]
        probabilities.append(np.where(is_whole[order.contexts], own, 1 / size))
        backoffs.append(np.where(is_whole & (order.totals > 0), k * size / total, 1.0))
        initial = np.arange(size + 1) == size if k_gram == 1 else initial[order.contexts]
    return raw.table(counts, size, probabilities, backoffs[1:])
