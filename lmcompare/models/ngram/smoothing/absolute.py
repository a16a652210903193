"""Interpolated absolute discounting (Ney, Essen and Kneser 1994; Chen and Goodman 1999, section 2.6).

``p(w | h) = max(c(h w) - D, 0) / c(h) + D T(h) / c(h) p(w | h')``, with one discount D for each order and T(h) the
number of different words seen after h.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lmcompare.counts.ngrams import Counts
from lmcompare.counts.table import BackoffTable
from lmcompare.model import Idea
from lmcompare.models.ngram.smoothing import raw_counts as raw
from lmcompare.models.ngram.smoothing.base import Case, Lines, Smoothing, no_constants
from lmcompare.tokens import IntArray

FALLBACK = 0.5


class Absolute(Smoothing):
    """Absolute discounting; the constants are the discount of each order.

    Parameters
    ----------
    fallback : bool, default True
        Whether an order whose counts give no discount takes 0.5 and adds a note; otherwise it is an error.
    """

    name = "absolute"
    title = "absolute discounting"
    idea = Idea(
        1994,
        "Ney, Essen and Kneser",
        "On structuring probabilistic dependences in stochastic language modelling",
    )
    uses = frozenset({"fallback"})
    equation = (
        r"P(w \mid h) = \frac{\max(c(h\,w) - D, 0)}{\sum_v c(h\,v)} + \frac{D\,T(h)}{\sum_v c(h\,v)}\,P(w \mid h')"
    )
    saying = (
        "Use the count of the word after this context, with the same discount D taken off every count. The discounts"
        " of the T different words go to the prediction of the shorter context, which lacks the first word."
    )

    def __init__(self, fallback: bool = True) -> None:
        self.fallback = fallback

    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        """Estimate the discounts and the table; ``valid`` is not read."""
        counts = list(counts)
        discounts, notes, parts = [], [], []
        for k, (level, order) in enumerate(zip(counts, raw.orders(counts), strict=True), 1):
            d, reason = discount(level)
            if reason and not self.fallback:
                raise no_constants(k, "discount", reason)
            if reason:
                notes.append(f"The {k}-grams take the discount {FALLBACK} ({reason}).")
            discounts.append(d)
            own = raw.divided((order.counts - d).clip(min=0), order.totals[order.contexts], 0.0)
            parts.append((own, raw.divided((d * order.types).astype(np.float64), order.totals, 1.0)))
        self.constants, self.notes = discounts, tuple(notes)
        return raw.interpolated(counts, size, parts)

    def lines(self, case: Case) -> Lines:
        """Return the worked equation."""
        d, total = self.constants[case.order - 1], case.total
        own, gamma = max(case.count - d, 0) / total, d * case.types / total
        return [
            case.count_line(),
            (f"D: the discount of the {case.order}-grams", d),
            case.total_line(),
            case.types_line(),
            ("max(c − D, 0) / Σ c", own),
            ("D · T / Σ c", gamma),
            case.lower_line(),
            (case.of_word(), own + gamma * case.lower),
        ]


def discount(level: Counts) -> tuple[float, str]:
    """Return the discount of one order, and the reason if it is the fixed one (else an empty string).

    ``D = n1 / (n1 + 2 n2)``, where n1 and n2 are the numbers of k-grams that occur once and twice. If either is 0,
    the discount is ``FALLBACK``.
    """
    _, n1, n2 = raw.counts_of_counts(level, 2).tolist()
    for count, n in ((1, n1), (2, n2)):
        if not n:
            return FALLBACK, f"no n-gram has the count {count}"
    return n1 / (n1 + 2 * n2), ""
