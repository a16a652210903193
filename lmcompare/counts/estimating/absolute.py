"""Interpolated absolute discounting (Ney, Essen and Kneser 1994; Chen and Goodman 1999, section 2.6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.estimating import raw
from lmcompare.counts.estimating.method import Case, Equation, Lines, Smoothing, lacking
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.errors import LmcompareError
from lmcompare.models.common import mathml as m
from lmcompare.models.ngram.formulas import COUNT, LOWER, PROBABILITY, TOTAL, TYPES
from lmcompare.tokens import IntArray

FALLBACK = 0.5


class Absolute(Smoothing):
    """``p(w | h) = (c(h w) - D) / c(h) + D T(h) / c(h) p(w | h')`` with one discount D an order.

    ``D = n1 / (n1 + 2 n2)``, where n1 and n2 are the numbers of k-grams that stand in train once and twice. An order
    that has none of either takes 0.5 and notes it; without ``fallback`` that is an error.
    """

    name = "absolute"
    title = "absolute discounting"
    uses = frozenset({"fallback"})
    equation = Equation(
        m.lines(
            m.row(
                PROBABILITY,
                m.op("="),
                m.fraction(
                    m.row(
                        m.name("max"), m.op("("), COUNT, m.op("−"), m.name("D"), m.op(","), "<mn>0</mn>", m.op(")")
                    ),
                    TOTAL,
                ),
                m.op("+"),
                m.fraction(m.row(m.name("D"), TYPES), TOTAL),
                LOWER,
            )
        ),
        "P(w | h) = max(c(h w) − D, 0) / Σ_v c(h v) + D · T(h) / Σ_v c(h v) · P(w | h′)",
        "Trust what followed these very words in training, less the same discount D off every count; what the"
        " discounts of the T different words save goes to what the context without its first word says.",
    )

    def __init__(self, fallback: bool = True) -> None:
        self.fallback = fallback
        self.discounts: list[float] = []

    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        """Work the discounts out and interpolate from the unigrams up; valid is not read."""
        counts = list(counts)
        found = [discount(level) for level in counts]
        notes = []
        for k, (_, reason) in enumerate(found, 1):
            if reason and not self.fallback:
                raise LmcompareError(lacking(k, "discount", reason))
            if reason:
                notes.append(f"The {k}-grams take the discount {FALLBACK} ({reason}).")
        self.notes, self.discounts = tuple(notes), [d for d, _ in found]
        parts = []
        for order, d in zip(raw.orders(counts), self.discounts, strict=True):
            own = raw.divided((order.counts - d).clip(min=0), order.totals[order.contexts], 0.0)
            parts.append((own, raw.divided((d * order.types).astype(np.float64), order.totals, 1.0)))
        return raw.interpolated(counts, size, parts)

    def constants(self) -> list[Any]:
        """Return the discount of each order."""
        return list(self.discounts)

    def restore(self, constants: Sequence[Any]) -> None:
        """Take the discount of each order."""
        self.discounts = [float(d) for d in constants]

    def lines(self, case: Case) -> Lines:
        """Work the equation out."""
        d, total, (_, types) = self.discounts[case.order - 1], case.total, case.kinds()
        own, gamma = max(case.count - d, 0) / total, d * types / total
        return [
            case.counted(),
            (f"D: the discount of the {case.order}-grams", d),
            case.summed(),
            case.kinds(),
            ("max(c − D, 0) / Σ c", own),
            ("D · T / Σ c", gamma),
            case.below(),
            (case.of_word(), own + gamma * case.lower),
        ]


def discount(level: Counts) -> tuple[float, str]:
    """Return the discount of one order, and why it is the fixed one or ""."""
    _, n1, n2 = raw.statistics(level, 2).tolist()
    for j, n in ((1, n1), (2, n2)):
        if not n:
            return FALLBACK, f"none stands in train {'once' if j == 1 else 'twice'}"
    return n1 / (n1 + 2 * n2), ""
