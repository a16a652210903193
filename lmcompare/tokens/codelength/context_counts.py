"""Counts of symbols after integer contexts, in sorted arrays that are searched for many keys at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lmcompare.tokens.vocabulary import IntArray


@dataclass(frozen=True, eq=False)
class ContextCounts:
    """The counts of symbols after the contexts of one length, for an alphabet of K symbols.

    Parameters
    ----------
    contexts : (C,) int array
        The contexts, in rising order.
    totals : (C,) int array
        How many symbols followed each context.
    types : (C,) int array
        How many different symbols followed each context.
    events : (E,) int array
        The index of a context times K, plus a symbol; in rising order.
    counts : (E,) int array
        The count of each event.
    """

    contexts: IntArray
    totals: IntArray
    types: IntArray
    events: IntArray
    counts: IntArray

    @classmethod
    def of_events(cls, contexts: IntArray, events: IntArray, counts: IntArray, n_symbols: int) -> ContextCounts:
        """Compute the totals and types of each context from the counts of its events."""
        of_context = events // n_symbols
        totals = np.bincount(of_context, counts, minlength=len(contexts)).astype(np.int64)
        return cls(contexts, totals, np.bincount(of_context, minlength=len(contexts)), events, counts)

    @classmethod
    def count(cls, keys: IntArray, symbols: IntArray, n_symbols: int) -> ContextCounts:
        """Count the symbols (n,) after their contexts (n,); a negative key means that there is no context."""
        kept = keys >= 0
        contexts, index = np.unique(keys[kept], return_inverse=True)
        followed = index.reshape(-1).astype(np.int64) * n_symbols + symbols[kept]
        events, counts = np.unique(followed, return_counts=True)
        return cls.of_events(contexts.astype(np.int64), events, counts.astype(np.int64), n_symbols)

    @cached_property
    def discount(self) -> float:
        """n₁ / (n₁ + 2 n₂) of the events counted once and twice, kept between 0.1 and 0.9."""
        once, twice = int(np.count_nonzero(self.counts == 1)), int(np.count_nonzero(self.counts == 2))
        return min(max(once / max(once + 2 * twice, 1), 0.1), 0.9)

    def look_up(self, keys: IntArray, symbols: IntArray, n_symbols: int) -> tuple[IntArray, IntArray]:
        """Return (n,) the index of each context, -1 if it is unseen, and (n,) the count of the symbol after it."""
        index = find(self.contexts, keys)
        event = find(self.events, np.where(index >= 0, index * n_symbols + symbols, -1))
        return index, take(self.counts, event)


def find(rising: IntArray, wanted: IntArray) -> npt.NDArray[np.int64]:
    """(n,) the index of each wanted value in the rising array, -1 if it is not in there."""
    if not len(rising):
        return np.full(len(wanted), -1, np.int64)
    at = np.minimum(np.searchsorted(rising, wanted), len(rising) - 1)
    return np.where(rising[at] == wanted, at, -1)


def take(values: IntArray, index: IntArray) -> IntArray:
    """(n,) the values at the indices, 0 where the index is -1."""
    return np.append(values, 0)[index]
