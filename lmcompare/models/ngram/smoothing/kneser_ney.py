"""Interpolated modified Kneser-Ney smoothing (Chen and Goodman 1999), as KenLM's ``lmplz`` estimates it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.estimating import kneser_ney
from lmcompare.counts.estimating.kneser_ney import Discounts
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.exhibits import latex_lines
from lmcompare.models.ngram.smoothing.base import Case, Lines, Smoothing, no_constants
from lmcompare.tokens import IntArray


class KneserNey(Smoothing):
    """Interpolated modified Kneser-Ney smoothing.

    Parameters
    ----------
    fallback : bool, default True
        Whether an order whose counts give no discounts takes 0.5, 1 and 1.5 and adds a note; otherwise it is an
        error.
    prune : sequence of int, default (0,)
        For each order from the unigrams up, n-grams that occur this often or less are left out.
    """

    name = "kneser-ney"
    title = "Kneser-Ney"
    uses = frozenset({"fallback", "prune"})
    counted = (
        "Below the longest order a count is not a frequency but the number of different words before the n-gram,"
        " unless it begins with <s>."
    )
    equation = latex_lines(
        r"P(w \mid h) &= \frac{c(h\,w) - D(c(h\,w))}{\sum_v c(h\,v)} + \gamma(h)\,P(w \mid h')",
        r"\gamma(h) &= \frac{\sum_v D(c(h\,v))}{\sum_v c(h\,v)}",
    )
    saying = (
        "Use how often the word followed this context, less a discount. The discounts together, γ(h), go to the"
        " prediction of the shorter context, which lacks the first word. Below the highest order a count is not a"
        " frequency but the number of different words before the n-gram: a word that follows many different words is"
        " more likely to follow a new one."
    )

    def __init__(self, fallback: bool = True, prune: Sequence[int] = (0,)) -> None:
        self.fallback, self.prune = fallback, list(prune)
        self.discounts: tuple[Discounts, ...] = ()

    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        """Estimate the discounts and the table; ``valid`` is not read."""
        table, self.discounts = kneser_ney.estimate(counts, size, self.prune, self.threads)
        notes = []
        for k, discount in enumerate(self.discounts, 1):
            if discount.reason and not self.fallback:
                raise no_constants(k, "discounts", discount.reason)
            if discount.reason:
                notes.append(f"The {k}-grams take the discounts 0.5, 1 and 1.5 ({discount.reason}).")
            if 0 in discount.amounts:
                notes.append(f"A discount of the {k}-grams is 0: after some contexts unseen words are impossible.")
        if any(self.prune):
            thresholds = ", ".join(map(str, self.prune))
            notes.append(f"Pruned: of the orders 1, 2 …, n-grams seen at most {thresholds} times are left out.")
        self.notes = tuple(notes)
        return table

    def constants(self) -> list[Any]:
        """Return the discounts of each order."""
        return [[list(d.amounts), d.reason] for d in self.discounts]

    def restore(self, constants: Sequence[Any]) -> None:
        """Take the discounts of each order."""
        self.discounts = tuple(Discounts((d1, d2, d3), reason) for (d1, d2, d3), reason in constants)

    def lines(self, case: Case) -> Lines:
        """Return the worked equation."""
        discount, total = self.discounts[case.order - 1], case.total
        taken = float(discount.of(np.array([case.count]))[0])
        # The weight of the table, where it has one, includes the counts of pruned n-grams.
        gamma = float(discount.of(case.counts).sum()) / total if case.weight is None else case.weight
        frequency = "its count in the training text"
        return [
            case.count_line(frequency if case.highest else "the number of different words before it"),
            ("D: the discount of this count", taken),
            case.total_line(),
            ("(c − D) / Σ c", (case.count - taken) / total),
            ("γ(h): the discounts of all these counts, over Σ c", gamma),
            case.lower_line(),
            (f"γ(h) · {case.of_shorter()}" if case.order > 1 else "γ(h) / V", gamma * case.lower),
            (case.of_word(), (case.count - taken) / total + gamma * case.lower),
        ]
