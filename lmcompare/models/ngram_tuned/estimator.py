"""The tuned n-gram model: interpolated Kneser-Ney with many discounts and a strength.

``p(w | h) = (c(hw) - D(hw) + (Σ_v D(hv) + θ(h)) p(w | h')) / (c(h·) + θ(h))``

This is the predictive rule of the hierarchical Pitman-Yor process with one table for each word (Teh 2006, section 4).
As in modified Kneser-Ney (Chen and Goodman 1999), the discount D depends on the count; here it also depends on the
other properties in ``discount_classes``. Below the unigrams ``<unk>`` has a probability of its own, and the other
types share the rest evenly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lmcompare.counts.level import NOTHING
from lmcompare.counts.ngrams import Counts
from lmcompare.counts.table import BackoffTable
from lmcompare.models.ngram import smoothing
from lmcompare.models.ngram_tuned.discount_classes import Classes
from lmcompare.tokens import FloatArray

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, eq=False)
class Parameters:
    """All tuned parameters, or the derivatives with respect to them.

    Parameters
    ----------
    discounts : FloatArray of shape (R, K)
        The discount of each of K classes of n-grams, between 0 and the count. There is a row for each order and group
        of contexts, from the unigrams up.
    strengths : FloatArray of shape (R,)
        θ of each order and group of contexts, 0 or more.
    unknown : float
        The probability of ``<unk>`` below the unigrams.
    """

    discounts: FloatArray
    strengths: FloatArray
    unknown: float

    def below(self, size: int, unknown: int | None) -> FloatArray:
        """(V,) the distribution below the unigrams; ``unknown`` is the id of ``<unk>``, if there is one."""
        if unknown is None:
            return np.full(size, 1 / size)
        shares = np.full(size, (1 - self.unknown) / max(1, size - 1))
        shares[unknown] = self.unknown
        return shares


def estimate(
    counts: Sequence[Counts], classes: Classes, parameters: Parameters, size: int, unknown: int | None
) -> BackoffTable:
    """Return the table over ``size`` types, interpolated from the unigrams up in float64.

    After a context without any counted word, the prediction is that of the shorter context.
    """
    lower = np.append(parameters.below(size, unknown), 0.0)
    probabilities, gammas = [], []
    amounts = discounts_of(parameters, counts, classes)
    for k, (level, of_order, amount) in enumerate(zip(counts, classes.orders, amounts, strict=True)):
        contexts = level.contexts
        strengths = parameters.strengths[classes.first_rows[k] + of_order.groups]
        total, n_contexts = of_order.totals + strengths, len(strengths)
        saved = np.bincount(contexts, weights=amount, minlength=n_contexts) + strengths
        gamma = np.divide(saved, total, out=np.ones(n_contexts), where=of_order.totals > 0)
        own = np.divide(
            level.adjusted - amount, total[contexts], out=np.zeros(len(contexts)), where=level.adjusted > 0
        )
        lower = own + gamma[contexts] * (lower[level.shorter] if k else lower)
        probabilities.append(lower)
        gammas.append(gamma)
    # γ of the empty context is included in the unigrams
    return smoothing.table([replace(level, raw=level.adjusted) for level in counts], size, probabilities, gammas[1:])


def discounts_of(parameters: Parameters, counts: Sequence[Counts], classes: Classes) -> list[FloatArray]:
    """Return for each order the discounts of its k-grams, (n_k,), 0 for the count 0."""
    amounts = []
    for level, of_order, first in zip(counts, classes.orders, classes.first_rows, strict=True):
        rows = first + of_order.groups[level.contexts]
        amount = parameters.discounts[rows, of_order.of_gram.clip(min=0)]
        amounts.append(np.where(of_order.of_gram == NOTHING, 0.0, amount))
    return amounts


@dataclass(frozen=True)
class Tuned:
    """A summary of the tuned parameters, small enough to be stored and shown.

    Parameters
    ----------
    edges : tuple of tuple of float
        For each order, the mean counts between the groups of contexts, ascending.
    strengths : tuple of tuple of float
        For each order, θ of each group.
    discounts : tuple of tuple of (float or None)
        For each order, the mean discount of the counts 1 … J over the n-grams of the training text; None if no n-gram
        has the count. The last one is for J or more.
    unknown : float
        The probability of ``<unk>`` below the unigrams.
    weight : float
        The back-off weight of the unigrams.
    """

    edges: Rows
    strengths: Rows
    discounts: tuple[tuple[float | None, ...], ...]
    unknown: float
    weight: float

    @classmethod
    def of(cls, parameters: Parameters, counts: Sequence[Counts], classes: Classes) -> Tuned:
        """Return the summary of these parameters."""
        amounts = discounts_of(parameters, counts, classes)
        ends = np.cumsum(classes.n_groups)
        strengths = [parameters.strengths[a:b] for a, b in zip(classes.first_rows, ends, strict=True)]
        means = []
        for level, amount in zip(counts, amounts, strict=True):
            row = level.adjusted.clip(max=classes.levels)
            sums = np.bincount(row, weights=amount, minlength=classes.levels + 1)[1:]
            numbers = np.bincount(row, minlength=classes.levels + 1)[1:]
            means.append(tuple(float(s / n) if n else None for s, n in zip(sums, numbers, strict=True)))
        theta = strengths[0][0]
        return cls(
            edges=tuple(tuple(map(float, o.edges)) for o in classes.orders),
            strengths=tuple(tuple(map(float, s)) for s in strengths),
            discounts=tuple(means),
            unknown=parameters.unknown,
            weight=float((amounts[0].sum() + theta) / (classes.orders[0].totals[0] + theta)),
        )

    def strength(self, k: int, mean: float) -> float:
        """Return θ of a context of k - 1 words whose words have this mean count."""
        return self.strengths[k - 1][int(np.searchsorted(self.edges[k - 1], mean, side="left"))]
