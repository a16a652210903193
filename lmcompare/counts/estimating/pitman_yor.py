"""Interpolated Kneser-Ney with many discounts and a strength, and the likelihood by which they are tuned.

``p(w | h) = (c(hw) - D(hw) + (Σ_v D(hv) + θ(h)) p(w | h')) / (c(h·) + θ(h))``: the predictive rule of the
hierarchical Pitman-Yor process with one table a word (Teh 2006, section 4), its discount freed to depend on the count
as in modified Kneser-Ney (Chen and Goodman 1999) and on what else ``classes`` tells apart. Below the unigrams stands
a share for ``<unk>``; the other types divide the rest evenly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmcompare.compiled import compiled
from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.estimating.discount_classes import Classes
from lmcompare.counts.estimating.held_out import HeldOut
from lmcompare.counts.lookup.level import NOTHING, Level, compact
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.tokens import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Parameters:
    """All that is tuned, or the derivatives by it.

    ``discounts``: (R, K), what is taken off the counts of K classes, each between 0 and the count; ``strengths``:
    (R,) θ, 0 or more; one row for each order and group of contexts, those of the unigrams first. ``unknown``: the
    share of ``<unk>`` below the unigrams.
    """

    discounts: FloatArray
    strengths: FloatArray
    unknown: float

    def below(self, size: int, unknown: int) -> FloatArray:
        """(V,) the distribution below the unigrams."""
        shares = np.full(size, (1 - self.unknown) / max(1, size - 1))
        shares[unknown] = self.unknown
        return shares


def likelihood(text: HeldOut, parameters: Parameters, size: int, unknown: int) -> tuple[float, Parameters]:
    """Return the mean nats per token of a held-out text, and the derivatives by every parameter."""
    below, n = parameters.below(size, unknown), len(text.words)
    discounts, strengths = np.zeros_like(parameters.discounts), np.zeros_like(parameters.strengths)
    by_below = np.zeros(size)
    total = _log_likelihood(
        text.words,
        text.contexts,
        text.counts,
        text.classes,
        text.totals,
        text.rows,
        text.starts,
        text.cells,
        text.numbers,
        parameters.discounts,
        parameters.strengths,
        below,
        discounts,
        strengths,
        by_below,
    )
    others = (by_below.sum() - by_below[unknown]) / max(1, size - 1)
    return total / n, Parameters(discounts / n, strengths / n, float(by_below[unknown] - others) / n)


@compiled
def _log_likelihood(
    words: IntArray,
    contexts: IntArray,
    counts: IntArray,
    classes: IntArray,
    totals: FloatArray,
    rows: IntArray,
    starts: IntArray,
    cells: IntArray,
    numbers: FloatArray,
    discounts: FloatArray,
    strengths: FloatArray,
    below: FloatArray,
    by_discounts: FloatArray,
    by_strengths: FloatArray,
    by_below: FloatArray,
) -> float:
    """Return the nats of all tokens; the derivatives are added to the last three arrays."""
    n = len(contexts)
    saved, by_saved = strengths[rows], np.zeros(len(rows))
    for context in range(len(rows)):
        for i in range(starts[context], starts[context + 1]):
            saved[context] += numbers[i] * discounts[rows[context], cells[i]]
    p = np.empty(n + 1)  # [k]: the probability at order k
    total = 0.0
    for i in range(len(words)):
        p[0] = below[words[i]]
        for k in range(n):
            context = contexts[k, i]
            p[k + 1] = p[k]
            if context >= 0:
                kind = classes[k, i]
                own = counts[k, i] - discounts[rows[context], kind] if kind >= 0 else 0.0
                p[k + 1] = (own + saved[context] * p[k]) / (totals[context] + strengths[rows[context]])
        total += np.log(p[n])
        by_p = 1 / p[n]  # by the probability at order k + 1, then at order k
        for k in range(n - 1, -1, -1):
            context = contexts[k, i]
            if context >= 0:
                row, kind = rows[context], classes[k, i]
                by_own = by_p / (totals[context] + strengths[row])
                if kind >= 0:
                    by_discounts[row, kind] -= by_own
                by_saved[context] += by_own * p[k]
                by_strengths[row] -= by_own * p[k + 1]
                by_p = by_own * saved[context]
        by_below[words[i]] += by_p
    for context in range(len(rows)):
        by_strengths[rows[context]] += by_saved[context]
        for i in range(starts[context], starts[context + 1]):
            by_discounts[rows[context], cells[i]] += by_saved[context] * numbers[i]
    return total


def taken(parameters: Parameters, counts: Sequence[Counts], classes: Classes) -> list[FloatArray]:
    """Return the discount of each k-gram, n arrays (n_k,), 0 for the count 0."""
    amounts = []
    for level, of_order, first in zip(counts, classes.orders, classes.first_rows, strict=True):
        rows = first + of_order.groups[level.contexts]
        amount = parameters.discounts[rows, of_order.of_gram.clip(min=0)]
        amounts.append(np.where(of_order.of_gram == NOTHING, 0.0, amount))
    return amounts


def estimate(
    counts: Sequence[Counts], classes: Classes, parameters: Parameters, start: int, unknown: int
) -> BackoffTable:
    """Interpolate from the unigrams up, in float64.

    A context that nothing was seen after leaves everything to the shorter one.
    """
    lower = np.append(parameters.below(start, unknown), 0.0)
    log10_gammas, table = [], []
    amounts = taken(parameters, counts, classes)
    for k, (level, of_order, amount) in enumerate(zip(counts, classes.orders, amounts, strict=True)):
        contexts = level.contexts
        strengths = parameters.strengths[classes.first_rows[k] + of_order.groups]
        whole, size = of_order.totals + strengths, len(strengths)
        saved = np.bincount(contexts, weights=amount, minlength=size) + strengths
        gamma = np.divide(saved, whole, out=np.ones(size), where=of_order.totals > 0)
        own = np.divide(level.adjusted - amount, whole[contexts], out=np.zeros(len(contexts)), where=amount > 0)
        lower = own + gamma[contexts] * (lower[level.shorter] if k else lower)
        if k == 0:
            lower[start] = 1.0  # never predicted
        log10 = np.minimum(np.log10(lower), 0).astype(np.float32)
        table.append((level.words, compact(level.offsets), compact(level.adjusted), log10))
        log10_gammas.append(np.log10(gamma).astype(np.float32))
    backoffs = [*log10_gammas[1:], np.zeros(0, np.float32)]  # the first, of the empty context, is in the unigrams
    return BackoffTable(tuple(Level(start + 1, *arrays, w) for arrays, w in zip(table, backoffs, strict=True)))
