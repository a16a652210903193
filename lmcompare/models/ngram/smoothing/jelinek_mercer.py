"""Jelinek-Mercer smoothing: linear interpolation with weights fitted to held-out text (Jelinek and Mercer 1980)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.estimating import jelinek_mercer
from lmcompare.counts.estimating.raw_counts import Array
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.models.ngram.smoothing.base import Case, Lines, Smoothing
from lmcompare.tokens import IntArray


class JelinekMercer(Smoothing):
    """Linear interpolation of all orders; it has no hyper-parameters."""

    name = "jelinek-mercer"
    title = "Jelinek-Mercer"
    equation = r"P(w \mid h) = \lambda_{b(h)}\,\frac{c(h\,w)}{\sum_v c(h\,v)} + (1 - \lambda_{b(h)})\,P(w \mid h')"
    saying = (
        "Mix how often the word followed this context with the prediction of the shorter context, which lacks the"
        " first word. The weight λ depends on how often the context was seen, and is chosen to fit the validation"
        " text best."
    )

    def __init__(self) -> None:
        self.weights: list[Array] = []

    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        """Fit the weights to ``valid``, and estimate the table."""
        counts = list(counts)
        self.weights = jelinek_mercer.fit_weights(counts, size, valid)
        is_fitted = bool((valid != size).any())
        self.notes = () if is_fitted else ("The validation text has no tokens: the weights of all orders are 1/2.",)
        return jelinek_mercer.estimate(counts, size, self.weights)

    def constants(self) -> list[Any]:
        """Return the weights of each order, by how often the context was seen."""
        return [w.tolist() for w in self.weights]

    def restore(self, constants: Sequence[Any]) -> None:
        """Take the weights of each order."""
        self.weights = [np.array(w, np.float64) for w in constants]

    def lines(self, case: Case) -> Lines:
        """Return the worked equation."""
        total = case.total
        b = int(jelinek_mercer.bucket(np.array([total]))[0])
        weight, frequency = float(self.weights[case.order - 1][b]), case.count / total
        seen = f"{2**b:,} to {2 ** (b + 1) - 1:,} times" if b else "once"
        return [
            case.count_line(),
            case.total_line(),
            ("c / Σ c", frequency),
            (f"λ: the weight for contexts of {case.order}-grams that were seen {seen}", weight),
            case.lower_line(),
            (f"(1 − λ) · {case.of_shorter()}", (1 - weight) * case.lower),
            (case.of_word(), weight * frequency + (1 - weight) * case.lower),
        ]
