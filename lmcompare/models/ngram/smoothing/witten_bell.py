"""Interpolated Witten-Bell smoothing (Witten and Bell 1991, method C; Chen and Goodman 1999, section 2.5)."""

from __future__ import annotations

from collections.abc import Iterable

from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.estimating import witten_bell
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.models.ngram.smoothing.base import Case, Lines, Smoothing
from lmcompare.tokens import IntArray


class WittenBell(Smoothing):
    """Witten-Bell smoothing; it has no hyper-parameters and no constants."""

    name = "witten-bell"
    title = "Witten-Bell"
    equation = r"P(w \mid h) = \frac{c(h\,w) + T(h)\,P(w \mid h')}{\sum_v c(h\,v) + T(h)}"
    saying = (
        "A context that was followed by many different words will probably be followed by new ones. So each of the T"
        " different words adds one count to the shorter context, which predicts the new words."
    )

    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        """Estimate the table; ``valid`` is not read."""
        return witten_bell.estimate(list(counts), size)

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
