"""Additive smoothing, Lidstone's law (Lidstone 1920; Chen and Goodman 1999, section 2.1)."""

from __future__ import annotations

from collections.abc import Iterable

from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.estimating import add_k
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.models.ngram.smoothing.base import Case, Lines, Smoothing
from lmcompare.tokens import IntArray


class AddK(Smoothing):
    """Additive smoothing, which never uses a shorter context.

    Parameters
    ----------
    k : float
        What is added to each count; greater than 0.
    """

    name = "add-k"
    title = "add-k"
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
        """Estimate the table; ``valid`` is not read."""
        return add_k.estimate(list(counts), size, self.k)

    def lines(self, case: Case) -> Lines:
        """Return the worked equation."""
        return [
            case.count_line(),
            ("k: what is added to each count", self.k),
            case.total_line(),
            ("V: the number of types in the vocabulary", float(case.size)),
            (case.of_word(), (case.count + self.k) / (case.total + self.k * case.size)),
        ]
