"""Interpolated Witten-Bell smoothing (Witten and Bell 1991, method C; Chen and Goodman 1999, section 2.5).

``p(w | h) = (c(h w) + T(h) p(w | h')) / (c(h) + T(h))``, where T(h) is the number of different words seen after h.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lmcompare.counts.ngrams import Counts
from lmcompare.counts.table import BackoffTable
from lmcompare.model import Idea
from lmcompare.models.ngram.smoothing import raw_counts as raw
from lmcompare.models.ngram.smoothing.base import Case, Lines, Smoothing
from lmcompare.tokens import IntArray


class WittenBell(Smoothing):
    """Witten-Bell smoothing; it has no hyper-parameters and no constants."""

    name = "witten-bell"
    title = "Witten-Bell"
    idea = Idea(1991, "Witten and Bell", "The zero-frequency problem")
    equation = r"P(w \mid h) = \frac{c(h\,w) + T(h)\,P(w \mid h')}{\sum_v c(h\,v) + T(h)}"
    saying = (
        "A context that was followed by many different words will probably be followed by new ones. So each of the T"
        " different words adds one count to the shorter context, which predicts the new words."
    )

    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        """Estimate the table; ``valid`` is not read."""
        counts = list(counts)
        parts = []
        for order in raw.orders(counts):
            whole = order.totals + order.types
            own = raw.divided(order.counts, whole[order.contexts], 0.0)
            parts.append((own, raw.divided(order.types.astype(np.float64), whole, 1.0)))
        return raw.interpolated(counts, size, parts)

    def lines(self, case: Case) -> Lines:
        """Return the worked equation."""
        return [
            case.count_line(),
            case.total_line(),
            case.types_line(),
            case.lower_line(),
            (f"T · {case.of_shorter()}", case.types * case.lower),
            (case.of_word(), (case.count + case.types * case.lower) / (case.total + case.types)),
        ]
