"""Katz's back-off with Good-Turing discounts (Katz 1987; Chen and Goodman 1999, section 2.4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.estimating import katz
from lmcompare.counts.estimating.katz import CUTOFF, FALLBACK
from lmcompare.counts.estimating.raw_counts import Array, one_context
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.models.ngram.smoothing.base import Case, Lines, Smoothing, no_constants
from lmcompare.tokens import IntArray


class Katz(Smoothing):
    """Back-off with Good-Turing discounts.

    Parameters
    ----------
    cutoff : int, default 5
        The greatest count that is discounted, Katz's k.
    fallback : bool, default True
        Whether an order whose counts give no Good-Turing ratios up to the cutoff takes a smaller cutoff, or subtracts
        0.5 from each count, and adds a note; otherwise it is an error.
    """

    name = "katz"
    title = "Katz back-off"
    uses = frozenset({"fallback", "cutoff"})
    unknown_note = (
        "<unk> does not occur in the training text: it has an even share of the probability that the unigrams leave"
        " to unseen types."
    )
    equation = (
        r"P(w \mid h) = \begin{cases} d_c\,\frac{c(h\,w)}{\sum_v c(h\,v)} & \text{if } c(h\,w) > 0 \\"
        r" \alpha(h)\,P(w \mid h') & \text{otherwise} \end{cases}"
    )
    saying = (
        "A word that was seen after this context keeps most of its frequency: a small count c is reduced to the share"
        " d_c of it, by the Good-Turing estimate. The probability that this frees is divided by α among the words not"
        " seen after this context, in proportion to their probability after the shorter context."
    )

    def __init__(self, cutoff: int = CUTOFF, fallback: bool = True) -> None:
        self.cutoff, self.fallback = cutoff, fallback
        self.kept: list[Array] = []  # of each order: (r + 1,), the share that the counts 0, 1 … r keep

    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        """Estimate the ratios and the table; ``valid`` is not read."""
        counts = list(counts)
        self.kept, notes = [], []
        for k, level in enumerate(counts, 1):
            kept, reason = katz.order_ratios(level, self.cutoff)
            if reason and not self.fallback:
                raise no_constants(k, f"Good-Turing ratios up to {self.cutoff}", reason)
            if reason and len(kept) > 1:
                notes.append(f"For the {k}-grams, only counts up to {len(kept) - 1} are discounted ({reason}).")
            elif reason:
                notes.append(f"The {k}-grams take the discount {FALLBACK} off every count ({reason}).")
            self.kept.append(kept)
        self.notes = tuple(notes)
        return katz.estimate(counts, size, self.kept)

    def constants(self) -> list[Any]:
        """Return the share of the counts 0, 1 … that each order keeps."""
        return [k.tolist() for k in self.kept]

    def restore(self, constants: Sequence[Any]) -> None:
        """Take the shares of each order."""
        self.kept = [np.array(k, np.float64) for k in constants]

    def lines(self, case: Case) -> Lines:
        """Return the worked equation: its upper line for a seen word, its lower line for an unseen one."""
        if not case.count:
            alpha = case.probability / case.lower
            return [
                case.count_line(),
                (f"α: the weight of the shorter context{case.after}", alpha),
                case.lower_line(),
                (case.of_word(), alpha * case.lower),
            ]
        order = one_context(case.counts)
        ratios, totals = katz.discounted(order, self.kept[case.order - 1], case.size)
        _, spare = katz.shares(order, self.kept[case.order - 1], case.size)
        ratio, total = float(ratios[case.counts == case.count][0]), float(totals[0])
        what, value = case.total_line()
        return [
            case.count_line(),
            (what + (", plus one" if total > value else ""), total),
            (f"d: the share of this count that the {case.order}-grams keep", ratio),
            ("the probability left to unseen words", float(spare[0])),
            (case.of_word(), ratio * case.count / total),
        ]
