"""The tuned n-gram model: interpolated Kneser-Ney with many discounts and a strength.

``p(w | h) = (c(hw) - D(hw) + (Σ_v D(hv) + θ(h)) p(w | h')) / (c(h·) + θ(h))``

This is the predictive rule of the hierarchical Pitman-Yor process with one table for each word (Teh 2006, section 4).
As in modified Kneser-Ney (Chen and Goodman 1999), the discount D depends on the count; here it also depends on how
much more often the n-gram occurs without its first word, and on the mean count of the words after its context, by
which contexts are grouped. Below the unigrams ``<unk>`` has a probability of its own, and the other types share the
rest evenly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from lmcompare.counts.ngrams import Counts
from lmcompare.counts.table import NOTHING, BackoffTable
from lmcompare.models.ngram import smoothing
from lmcompare.tokens import FloatArray, IntArray

SPREADS = (1, 4, 20, 100)  # bounds of how many times as often an n-gram occurs without its first word
Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, eq=False)
class OfOrder:
    """The classes of the k-grams of one order and the groups of their contexts.

    Parameters
    ----------
    of_gram : IntArray of shape (n_k,)
        The class of each k-gram: J levels of counts, 1 … J or more, times the number of spreads; ``NOTHING`` for the
        count 0.
    totals : FloatArray of shape (n_{k-1},)
        The sum of the counts after each context.
    edges : FloatArray
        The mean counts between the groups of contexts, ascending.
    groups : IntArray of shape (n_{k-1},)
        The group of each context, from 0 up.
    """

    of_gram: IntArray
    totals: FloatArray
    edges: FloatArray
    groups: IntArray


@dataclass(frozen=True, eq=False)
class Classes:
    """The classes of all orders; ``levels`` is J, the number of counts with discounts of their own."""

    orders: tuple[OfOrder, ...]
    levels: int

    @property
    def n_classes(self) -> int:
        """The number of classes: J times the number of spreads."""
        return self.levels * (len(SPREADS) + 1)

    @property
    def n_groups(self) -> list[int]:
        """The number of groups of contexts of each order."""
        return [len(o.edges) + 1 for o in self.orders]

    @property
    def first_rows(self) -> IntArray:
        """(n,) the row of the parameters for the first group of each order."""
        return np.cumsum([0, *self.n_groups[:-1]])

    @classmethod
    def of(cls, counts: Sequence[Counts], nodes: Sequence[IntArray], levels: int, groups: int) -> Classes:
        """Return the classes of the counted n-grams.

        Parameters
        ----------
        counts : sequence of Counts
            The counts of the orders 1 … n.
        nodes : sequence of IntArray
            The nodes of a held-out text, which ``ngrams.nodes_of`` returns: each group has about equally many of its
            contexts.
        levels : int
            J, the number of counts with discounts of their own.
        groups : int
            The number of groups of contexts for each order.
        """
        orders = []
        for k, level in enumerate(counts):
            context, size = level.contexts, len(level.offsets) - 1
            totals = np.bincount(context, weights=level.adjusted, minlength=size).astype(np.float64)
            means = totals / np.maximum(np.bincount(context[level.adjusted > 0], minlength=size), 1)
            shown = nodes[k - 1][:-1] if k else np.zeros(0, np.int64)
            edges = _quantiles(means[shown[shown != NOTHING]], groups)
            spread = np.zeros(len(level), np.int64)
            if k:
                times = counts[k - 1].raw[level.shorter] / np.maximum(level.raw, 1)
                spread = np.searchsorted(np.array(SPREADS), times, side="left")
            of_gram = (level.adjusted.clip(max=levels) - 1) * (len(SPREADS) + 1) + spread
            of_gram[level.adjusted == 0] = NOTHING
            orders.append(OfOrder(of_gram, totals, edges, np.searchsorted(edges, means, side="left")))
        return cls(tuple(orders), levels)


def _quantiles(means: FloatArray, groups: int) -> FloatArray:
    """Return up to ``groups`` - 1 values that divide the mean counts above 0 into groups of about equal size."""
    means = np.sort(means[means > 0])
    if groups < 2 or not len(means):
        return np.zeros(0)
    cuts = np.unique(means[np.arange(1, groups) * len(means) // groups])
    inner: FloatArray = cuts[cuts < means[-1]]
    return inner


def with_repeats(counts: Sequence[Counts], repeats: int) -> list[Counts]:
    """Return counts in which each word before an n-gram counts as often as it occurs there, up to ``repeats`` times.

    With ``repeats`` = 1 they are the continuation counts of Kneser and Ney. Only the ``adjusted`` counts below the
    highest order change, and only of n-grams that do not begin with ``<s>``.
    """
    lower = []
    for level, longer in pairwise(counts):
        before = np.bincount(longer.shorter, weights=longer.raw.clip(max=repeats), minlength=len(level))
        adjusted = np.where(before > 0, before.astype(np.int64), level.adjusted)
        lower.append(replace(level, adjusted=adjusted))
    return [*lower, counts[-1]]


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
