"""Which discount an n-gram takes: by its count, by how much oftener it stands without its first word, by context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.lookup.level import NOTHING
from lmcompare.tokens import FloatArray, IntArray

SPREADS = (1, 4, 20, 100)  # how many times as often an n-gram stands in train without its first word: up to 1, 4 …


@dataclass(frozen=True, eq=False)
class OfOrder:
    """The k-grams of one order and their contexts.

    ``of_gram``: (n_k,) the class of each k-gram: J classes of counts, 1 … J or more, times the spreads; ``NOTHING``
    for the count 0. ``totals``: (n_{k-1},) the sum of the counts after each context, 0 if nothing was seen after it.
    ``edges``, rising: the mean counts after a context that part the groups; ``groups``: (n_{k-1},) from 0 up.
    """

    of_gram: IntArray
    totals: FloatArray
    edges: FloatArray
    groups: IntArray


@dataclass(frozen=True, eq=False)
class Classes:
    """The classes of all orders. ``levels``: J."""

    orders: tuple[OfOrder, ...]
    levels: int

    @property
    def n_classes(self) -> int:
        """J times the number of spreads."""
        return self.levels * (len(SPREADS) + 1)

    @property
    def n_groups(self) -> list[int]:
        """The number of groups of contexts of each order."""
        return [len(o.edges) + 1 for o in self.orders]

    @property
    def first_rows(self) -> IntArray:
        """(n,) the row of parameters of each order's first group."""
        return np.cumsum([0, *self.n_groups[:-1]])

    @classmethod
    def of(cls, counts: Sequence[Counts], nodes: Sequence[IntArray], levels: int, groups: int) -> Classes:
        """Part the n-grams of train; contexts so that those of the held-out text of ``nodes`` are parted evenly."""
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
    """Return ``groups`` - 1 values that part the mean counts above 0 evenly, equal ones once."""
    means = np.sort(means[means > 0])
    if groups < 2 or not len(means):
        return np.zeros(0)
    cuts = np.unique(means[np.arange(1, groups) * len(means) // groups])
    inner: FloatArray = cuts[cuts < means[-1]]
    return inner


def with_repeats(counts: Sequence[Counts], repeats: int) -> list[Counts]:
    """Count a word before an n-gram as often as it stands there, up to ``repeats`` times; 1 is Kneser-Ney's way.

    Changes the ``adjusted`` counts below the highest order of n-grams that do not begin with ``<s>``.
    """
    lower = []
    for level, longer in pairwise(counts):
        before = np.bincount(longer.shorter, weights=longer.raw.clip(max=repeats), minlength=len(level))
        adjusted = np.where(before > 0, before.astype(np.int64), level.adjusted)
        lower.append(replace(level, adjusted=adjusted))
    return [*lower, counts[-1]]
