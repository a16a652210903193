"""Interpolated absolute discounting (Ney, Essen and Kneser 1994; Chen and Goodman 1999, section 2.6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.estimating import absolute
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.models.ngram.smoothing.base import Case, Lines, Smoothing, no_constants
from lmcompare.tokens import IntArray


class Absolute(Smoothing):
    """Absolute discounting with one discount for each order.

    Parameters
    ----------
    fallback : bool, default True
        Whether an order whose counts give no discount takes 0.5 and adds a note; otherwise it is an error.
    """

    name = "absolute"
    title = "absolute discounting"
    uses = frozenset({"fallback"})
    equation = (
        r"P(w \mid h) = \frac{\max(c(h\,w) - D, 0)}{\sum_v c(h\,v)} + \frac{D\,T(h)}{\sum_v c(h\,v)}\,P(w \mid h')"
    )
    saying = (
        "Use how often the word followed this context, with the same discount D taken off every count. The discounts"
        " of the T different words go to the prediction of the shorter context, which lacks the first word."
    )

    def __init__(self, fallback: bool = True) -> None:
        self.fallback = fallback
        self.discounts: list[float] = []

    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        """Estimate the discounts and the table; ``valid`` is not read."""
        counts = list(counts)
        self.discounts, notes = [], []
        for k, level in enumerate(counts, 1):
            discount, reason = absolute.discount(level)
            if reason and not self.fallback:
                raise no_constants(k, "discount", reason)
            if reason:
                notes.append(f"The {k}-grams take the discount {absolute.FALLBACK} ({reason}).")
            self.discounts.append(discount)
        self.notes = tuple(notes)
        return absolute.estimate(counts, size, self.discounts)

    def constants(self) -> list[Any]:
        """Return the discount of each order."""
        return list(self.discounts)

    def restore(self, constants: Sequence[Any]) -> None:
        """Take the discount of each order."""
        self.discounts = [float(d) for d in constants]

    def lines(self, case: Case) -> Lines:
        """Return the worked equation."""
        d, total = self.discounts[case.order - 1], case.total
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
