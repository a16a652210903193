"""Additive smoothing, Lidstone's law (Lidstone 1920; Chen and Goodman 1999, section 2.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.estimating import raw
from lmcompare.counts.estimating.method import Case, Equation, Lines, Smoothing
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.models.common import mathml as m
from lmcompare.models.ngram.formulas import COUNT, PROBABILITY, TOTAL
from lmcompare.tokens import IntArray


class AddK(Smoothing):
    """``p(w | h) = (c(h w) + k) / (c(h) + k V)``: no shorter context is ever asked.

    h is the n - 1 words before, or fewer from ``<s>`` on where the sentence has no more. As a back-off table: an
    n-gram that counts is one of n words or one that begins with ``<s>``; all others are uniform, 1 / V, and back off
    with the weight 1. Each context that counts has the weight k V / (c(h) + k V), which makes k / (c(h) + k V) of
    1 / V.

    Parameter: ``k``, what is added to each count; greater than 0.
    """

    name = "add-k"
    title = "add-k"
    uses = frozenset({"k"})
    unknown_note = "Train holds no <unk>: after every context it is a word that was seen 0 times."
    whole_context = True
    equation = Equation(
        m.lines(
            m.row(
                PROBABILITY,
                m.op("="),
                m.fraction(
                    m.row(COUNT, m.op("+"), m.name("k")),
                    m.row(TOTAL, m.op("+"), m.name("k"), m.name("V")),
                ),
            )
        ),
        "P(w | h) = (c(h w) + k) / (Σ_v c(h v) + k V)",
        "Every word is counted k times more than it was seen after these words; after words that training never saw,"
        " all are alike.",
    )

    def __init__(self, k: float) -> None:
        self.k = k

    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        """Make the table; valid is not read."""
        counts = list(counts)
        probabilities, backoffs = [], []
        initial = np.ones(1, bool)  # whether a context counts below the highest order; of the unigrams none but at 1
        for k, order in enumerate(raw.orders(counts), 1):
            counting = np.ones(len(order.totals), bool) if k == len(counts) else initial & (k > 1)
            whole = order.totals + self.k * size
            own = (order.counts + self.k) / whole[order.contexts]
            probabilities.append(np.where(counting[order.contexts], own, 1 / size))
            backoffs.append(np.where(counting & (order.totals > 0), self.k * size / whole, 1.0))
            initial = np.arange(size + 1) == size if k == 1 else initial[order.contexts]
        return raw.table(counts, size, probabilities, backoffs[1:])

    def constants(self) -> list[Any]:
        """Return nothing: k is a hyper-parameter."""
        return []

    def restore(self, constants: Sequence[Any]) -> None:
        """Take nothing."""

    def lines(self, case: Case) -> Lines:
        """Work the equation out."""
        return [
            case.counted(),
            ("k: what is added to each count", self.k),
            case.summed(),
            ("V: the types of the vocabulary", float(case.size)),
            (case.of_word(), (case.count + self.k) / (case.total + self.k * case.size)),
        ]
