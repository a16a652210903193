"""Stupid backoff (Brants et al. 2007, equation 5): relative frequencies, and no attempt at a sum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.estimating import raw
from lmcompare.counts.estimating.method import Case, Equation, Lines, Smoothing
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.models.common import mathml as m
from lmcompare.models.ngram.formulas import COUNT, SHORTER, TOTAL, H, W, of
from lmcompare.tokens import IntArray

_SCORE = of(m.name("S"), W, m.op("|"), H)
_GAP = "<mspace width='1em'/>"


class Stupid(Smoothing):
    """``S(w | h) = c(h w) / c(h)`` for what was seen after h, else ``α S(w | h')``; unseen words have α / V.

    The table holds what the words of a context that train holds say; each context that it does not hold costs α too,
    which is for the model to add (``unseen``).
    """

    name = "stupid-backoff"
    uses = frozenset({"alpha"})
    whole_context = False
    unknown_note = "Train holds no <unk>: its score is that of any word with the count 0, α / V."
    caution = " The figures are scores, not probabilities: after a context they do not sum to one."
    equation = Equation(
        m.lines(
            m.row(_SCORE, m.op("="), m.fraction(COUNT, TOTAL), _GAP, COUNT, m.op(">"), "<mn>0</mn>"),
            m.row(
                _SCORE,
                m.op("="),
                m.name("α"),
                of(m.name("S"), W, m.op("|"), SHORTER),
                _GAP,
                COUNT,
                m.op("="),
                "<mn>0</mn>",
            ),
        ),
        "S(w | h) = c(h w) / Σ_v c(h v) if c(h w) > 0, else α · S(w | h′)",
        "Take the frequency after the longest run of words that was seen with the word, and a fixed share α for every"
        " word of context given up. Nothing is taken off what was seen, so the scores sum to more than one: they rank"
        " words, but are no probabilities.",
    )

    def __init__(self, alpha: float) -> None:
        self.alpha = self.unseen = alpha

    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        """Make the table of scores; valid is not read."""
        counts = list(counts)
        orders = raw.orders(counts)
        scores = [raw.relative(order) for order in orders]
        scores[0] = np.where(orders[0].counts > 0, scores[0], self.alpha / size)
        return raw.table(counts, size, scores, [np.full(len(level), self.alpha) for level in counts[:-1]])

    def constants(self) -> list[Any]:
        """Return nothing: α is a hyper-parameter."""
        return []

    def restore(self, constants: Sequence[Any]) -> None:
        """Take nothing."""

    def lines(self, case: Case) -> Lines:
        """Work the equation out."""
        if case.count:
            return [case.counted(), case.summed(), (case.of_word("S"), case.count / case.total)]
        return [
            case.counted(),
            ("α: the share of the shorter context", self.alpha),
            case.below("S"),
            (case.of_word("S"), self.alpha * case.lower),
        ]
