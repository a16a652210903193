"""Additive smoothing, Lidstone's law (Lidstone 1920; Chen and Goodman 1999, section 2.1).

``p(w | h) = (c(h w) + k) / (c(h) + k V)``, where h is always the last n - 1 words, or fewer from ``<s>`` on at the
beginning of a sentence: a shorter context is never used.
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


class AddK(Smoothing):
    """Additive smoothing, which never uses a shorter context.

    Parameters
    ----------
    k : float
        The number that is added to each count; greater than 0.
    """

    name = "add-k"
    title = "add-k"
    idea = Idea(1920, "Lidstone", "Note on the general case of the Bayes-Laplace formula")
    uses = frozenset({"k"})
    unknown_note = "<unk> does not occur in the training text: after every context its count is 0."
    whole_context = True
    equation = r"P(w \mid h) = \frac{c(h\,w) + k}{\sum_v c(h\,v) + k\,V}"
    saying = (
        "Add k to the count of every word after this context. After a context that does not occur in the training"
        " text all words are equally likely."
    )

    def __init__(self, k: float) -> None:
        self.k = k

    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        """Estimate the table; ``valid`` is not read.

        A *whole context* has n - 1 words or begins with ``<s>``. The n-grams after whole contexts have their
        probability; all shorter n-grams have 1 / V, and back off with weight 1. The back-off weight of a whole
        context, k V / (c(h) + k V), turns 1 / V into k / (c(h) + k V).
        """
        counts = list(counts)
        probabilities, backoffs = [], []
        initial = np.ones(1, bool)  # whether each context begins with <s>
        for n, order in enumerate(raw.orders(counts), 1):
            is_whole = np.ones(len(order.totals), bool) if n == len(counts) else initial & (n > 1)
            total = order.totals + self.k * size
            own = (order.counts + self.k) / total[order.contexts]
            probabilities.append(np.where(is_whole[order.contexts], own, 1 / size))
            backoffs.append(np.where(is_whole & (order.totals > 0), self.k * size / total, 1.0))
            initial = np.arange(size + 1) == size if n == 1 else initial[order.contexts]
        return raw.table(counts, size, probabilities, backoffs[1:])

    def lines(self, case: Case) -> Lines:
        """Return the worked equation."""
        return [
            case.count_line(),
            ("k: the number added to each count", self.k),
            case.total_line(),
            ("V: the number of types in the vocabulary", float(case.size)),
            (case.of_word(), (case.count + self.k) / (case.total + self.k * case.size)),
        ]
