"""Interpolated Witten-Bell smoothing (Witten and Bell 1991, method C; Chen and Goodman 1999, section 2.5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.estimating import raw
from lmcompare.counts.estimating.method import Case, Equation, Lines, Smoothing
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.models.common import mathml as m
from lmcompare.models.ngram.formulas import COUNT, LOWER, PROBABILITY, TOTAL, TYPES
from lmcompare.tokens import IntArray


class WittenBell(Smoothing):
    """``p(w | h) = (c(h w) + T(h) p(w | h')) / (c(h) + T(h))``, T(h) being how many different words followed h."""

    name = "witten-bell"
    title = "Witten-Bell"
    equation = Equation(
        m.lines(
            m.row(
                PROBABILITY,
                m.op("="),
                m.fraction(m.row(COUNT, m.op("+"), TYPES, LOWER), m.row(TOTAL, m.op("+"), TYPES)),
            )
        ),
        "P(w | h) = (c(h w) + T(h) · P(w | h′)) / (Σ_v c(h v) + T(h))",
        "A context after which many different words came will bring new ones yet: each different word seen counts"
        " once more for the shorter context, which has the say over what is new.",
    )

    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        """Interpolate from the unigrams up; valid is not read."""
        counts = list(counts)
        parts = []
        for order in raw.orders(counts):
            whole = order.totals + order.types
            own = raw.divided(order.counts, whole[order.contexts], 0.0)
            parts.append((own, raw.divided(order.types.astype(np.float64), whole, 1.0)))
        return raw.interpolated(counts, size, parts)

    def constants(self) -> list[Any]:
        """Return nothing: the counts say all."""
        return []

    def restore(self, constants: Sequence[Any]) -> None:
        """Take nothing."""

    def lines(self, case: Case) -> Lines:
        """Work the equation out."""
        (_, types), total = case.kinds(), case.total
        return [
            case.counted(),
            case.summed(),
            case.kinds(),
            case.below(),
            (f"T · {case.of_shorter()}", types * case.lower),
            (case.of_word(), (case.count + types * case.lower) / (total + types)),
        ]
