"""Classes of n-grams that share a discount.

An n-gram's class depends on its count and on how much more often it occurs without its first word. Contexts are
grouped by the mean count of the words after them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from lmcompare.counts.level import NOTHING
from lmcompare.counts.ngrams import Counts
from lmcompare.tokens import FloatArray, IntArray

SPREADS = (1, 4, 20, 100)  # bounds of how many times as often an n-gram occurs without its first word


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
