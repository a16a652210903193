"""Interpolated models of the code's small alphabets: Witten-Bell for white space, Kneser-Ney for spelling."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from lmcompare.tokens.vocabulary import FloatArray, IntArray

SHORT = 1 << 16  # values that stay in the processor's cache
_BITS = 22  # bits of the hash of a context
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # an odd number whose 1 bits are spread evenly

Event: TypeAlias = tuple[Sequence[IntArray], IntArray]
"""The contexts of n symbols: one (n,) array of keys per length, the shortest first; and the symbols (n,)."""


@dataclass(frozen=True, eq=False)
class ContextCounts:
    """The counts of symbols after the contexts of one length, for an alphabet of K symbols.

    Parameters
    ----------
    contexts : (C,) int array
        The contexts, in rising order.
    events : (E,) int array
        The index of a context times K, plus a symbol; in rising order.
    counts : (E,) int array
        The count of each event.
    n_symbols : int
        K.
    """

    contexts: IntArray
    events: IntArray
    counts: IntArray
    n_symbols: int

    @classmethod
    def count(cls, keys: IntArray, symbols: IntArray, n_symbols: int) -> ContextCounts:
        """Count the symbols (n,) after their contexts (n,); a negative key means that there is no context."""
        kept = keys >= 0
        keys, symbols = keys[kept].astype(np.int64), symbols[kept]
        if int(keys.max(initial=0)) >= 2**63 // n_symbols - 1:  # too large to be multiplied: use their ranks
            contexts, index = np.unique(keys, return_inverse=True)
            counted = cls.count(index, symbols, n_symbols)
            return cls(contexts, counted.events, counted.counts, n_symbols)
        followed = np.sort(keys * n_symbols + symbols)
        first = np.flatnonzero(_differs(followed))
        of_event, symbol = np.divmod(followed[first], n_symbols)
        new = _differs(of_event)
        events = (np.cumsum(new) - 1) * n_symbols + symbol
        return cls(of_event[new], events, np.diff(np.append(first, len(followed))), n_symbols)

    def joined(self, other: ContextCounts) -> ContextCounts:
        """Return the sums of these counts and the counts of ``other``."""
        n = self.n_symbols
        contexts = _merged(self.contexts, other.contexts)
        both = [
            np.searchsorted(contexts, each.contexts)[each.events // n] * n + each.events % n for each in (self, other)
        ]
        events = _merged(*both)
        counts = np.zeros(len(events), np.int64)
        for each, own in zip((self, other), both, strict=True):
            counts[np.searchsorted(events, own)] += each.counts
        return ContextCounts(contexts, events, counts, n)

    def only(self, chosen: npt.NDArray[np.bool_]) -> ContextCounts:
        """Return the counts after the contexts that the mask ``chosen``, (C,), selects."""
        kept = chosen[self.events // self.n_symbols]
        number = np.cumsum(chosen) - 1
        events = number[self.events[kept] // self.n_symbols] * self.n_symbols + self.events[kept] % self.n_symbols
        return ContextCounts(self.contexts[chosen], events, self.counts[kept], self.n_symbols)

    @cached_property
    def totals(self) -> IntArray:
        """(C,) how many symbols followed each context."""
        return np.bincount(self.events // self.n_symbols, self.counts, len(self.contexts)).astype(np.int64)

    @cached_property
    def types(self) -> IntArray:
        """(C,) how many different symbols followed each context."""
        return np.bincount(self.events // self.n_symbols, minlength=len(self.contexts))

    @cached_property
    def discount(self) -> float:
        """n₁ / (n₁ + 2 n₂) of the events counted once and twice, kept between 0.1 and 0.9."""
        once, twice = int(np.count_nonzero(self.counts == 1)), int(np.count_nonzero(self.counts == 2))
        return min(max(once / max(once + 2 * twice, 1), 0.1), 0.9)

    def look_up(self, keys: IntArray, symbols: IntArray) -> tuple[IntArray, IntArray]:
        """Return (n,) the index of each context, -1 if it is unseen, and (n,) the count of the symbol after it."""
        index = find(self.contexts, keys)
        event = find(self.events, np.where(index >= 0, index * self.n_symbols + symbols, -1))
        return index, take(self.counts, event)


def _join_last(counted: list[list[ContextCounts]]) -> None:
    last = counted.pop()
    counted[-1] = [a.joined(b) for a, b in zip(counted[-1], last, strict=True)]


def _merged(a: IntArray, b: IntArray) -> IntArray:
    """Return the values of two rising arrays, each once."""
    both: IntArray = np.concatenate([a, b])
    both.sort(kind="stable")  # a stable sort merges parts that are in order; np.union1d takes 300 times as long
    return both[_differs(both)]


def _differs(rising: IntArray) -> npt.NDArray[np.bool_]:
    """(n,) whether each value differs from the one before it; the first does."""
    differs: npt.NDArray[np.bool_] = np.append(True, rising[1:] != rising[:-1])[: len(rising)]
    return differs


def find(rising: IntArray, wanted: IntArray) -> npt.NDArray[np.int64]:
    """(n,) the index of each wanted value in the rising array, -1 if it is not in there."""
    if not len(rising):
        return np.full(len(wanted), -1, np.int64)
    if len(rising) <= SHORT:
        at = np.minimum(np.searchsorted(rising, wanted), len(rising) - 1)
        return np.where(rising[at] == wanted, at, -1)
    order = np.argsort(wanted)  # with sorted values, a long array is read once, from beginning to end
    ordered = wanted[order]
    at = np.minimum(np.searchsorted(rising, ordered), len(rising) - 1)
    found = np.empty(len(wanted), np.int64)
    found[order] = np.where(rising[at] == ordered, at, -1)
    return found


def _hashed(keys: IntArray) -> IntArray:
    """(n,) hashes of ``_BITS`` bits of keys that are not negative."""
    return ((keys.astype(np.uint64) * _FACTOR) >> np.uint64(64 - _BITS)).astype(np.int64)


def take(values: IntArray, index: IntArray) -> IntArray:
    """(n,) the values at the indices, 0 where the index is -1."""
    return np.where(index >= 0, values[index], 0) if len(values) else np.zeros(len(index), np.int64)


class SymbolModel(ABC):
    """P(symbol | contexts): the estimate after the longest context, interpolated with those after shorter contexts.

    A context that was never seen gives way to the next shorter one.

    Parameters
    ----------
    base : (K,) float array
        The distribution below the shortest context; every entry is above 0.
    levels : sequence of ContextCounts
        The counts after the contexts of each length, the shortest contexts first.
    """

    def __init__(self, base: FloatArray, levels: Sequence[ContextCounts]) -> None:
        self.base: FloatArray = np.asarray(base, np.float64)
        self.levels = tuple(levels)

    @abstractmethod
    def _mix(self, level: ContextCounts, index: IntArray, counts: IntArray, shorter: FloatArray) -> FloatArray:
        """(n,) the estimates of one level at contexts given by index (values at index -1 are not used)."""

    def probability(self, contexts: Sequence[IntArray], symbols: IntArray) -> FloatArray:
        """(n,) the probability of each symbol (n,) after its contexts, one (n,) array per level."""
        p: FloatArray = self.base[symbols]
        for level, keys in zip(self.levels, contexts, strict=True):
            index, counts = level.look_up(keys, symbols)
            p = np.where(index >= 0, self._mix(level, index, counts, p), p)
        return p


class SymbolWittenBell(SymbolModel):
    """With the counts c of a context, their sum n and the number t of its different symbols,

        P(s | context) = (c(s) + t · P(s | next shorter context)) / (n + t)

    (Witten and Bell, "The zero-frequency problem", 1991, method C; interpolated as in Chen and Goodman 1999, section
    2.5). A context that only one symbol followed, n times, leaves 1 / (n + 1) of the probability to the shorter ones.
    """

    @classmethod
    def fit(cls, events: Iterable[Event], base: FloatArray) -> Self:
        """Count the symbols of blocks of events after their contexts."""
        counted: list[list[ContextCounts]] = []  # joined counts of some blocks, by level; those of most blocks first
        for contexts, symbols in events:
            counted.append([ContextCounts.count(keys, symbols, len(base)) for keys in contexts])
            while len(counted) > 1 and len(counted[-2][-1].events) < 2 * len(counted[-1][-1].events):
                _join_last(counted)
        while len(counted) > 1:
            _join_last(counted)
        return cls(base, counted[0] if counted else ())

    def _mix(self, level: ContextCounts, index: IntArray, counts: IntArray, shorter: FloatArray) -> FloatArray:
        n, t = take(level.totals, index), take(level.types, index)
        mixed: FloatArray = (counts + t * shorter) / np.maximum(n + t, 1)
        return mixed

    @classmethod
    def fit_pruned(cls, events: Iterable[Event], base: FloatArray, least_bits: float) -> Self:
        """Count as ``fit`` does, without the longest contexts that save fewer than ``least_bits`` on the events.

        A context saves at most the bits that its symbols cost after the shorter contexts. These bits are summed by a
        hash of the context, so that most contexts are ruled out before they are counted. ``events`` are read several
        times.
        """
        shorter = cls.fit(((contexts[:-1], symbols) for contexts, symbols in events), base)
        most = np.zeros(1 << _BITS)  # the most bits that contexts can save, by hash
        for contexts, symbols in events:
            bits = -np.log2(shorter.probability(contexts[:-1], symbols))
            kept = contexts[-1] >= 0
            most += np.bincount(_hashed(contexts[-1][kept]), bits[kept], len(most))
        promising = most >= least_bits - 1e-6  # less a rounding error

        def chosen() -> Iterator[Event]:
            for contexts, symbols in events:
                at = np.flatnonzero(contexts[-1] >= 0)
                at = at[promising[_hashed(contexts[-1][at])]]
                yield [keys[at] for keys in contexts], symbols[at]

        (level,) = cls.fit(((contexts[-1:], symbols) for contexts, symbols in chosen()), base).levels
        gains = np.zeros(len(level.contexts))
        for contexts, symbols in chosen():
            below = shorter.probability(contexts[:-1], symbols)
            index, counts = level.look_up(contexts[-1], symbols)
            saved = np.log2(shorter._mix(level, index, counts, below)) - np.log2(below)
            gains += np.bincount(index, saved, len(gains))
        return cls(base, [*shorter.levels, level.only(gains >= least_bits)])

    def to_json(self) -> dict[str, Any]:
        """Return the model as a JSON-able table."""
        names = ("contexts", "events", "counts")
        levels = [{name: getattr(level, name).tolist() for name in names} for level in self.levels]
        return {"base": self.base.tolist(), "levels": levels}

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> SymbolWittenBell:
        """Return the model that ``to_json`` stored."""
        base = np.array(table["base"], np.float64)
        levels = []
        for stored in table["levels"]:
            contexts, events, counts = (np.array(stored[n], np.int64) for n in ("contexts", "events", "counts"))
            levels.append(ContextCounts(contexts, events, counts, len(base)))
        return cls(base, levels)


class SymbolKneserNey(SymbolModel):
    """With one absolute discount d per level, and continuation counts c below the longest contexts,

        P(s | context) = (max(c(s) - d, 0) + d · t · P(s | next shorter context)) / n

    (Kneser and Ney 1995, interpolated as in Chen and Goodman 1999, section 2.7). d = n₁ / (n₁ + 2 n₂), from the
    numbers of events counted once and twice (Ney, Essen and Kneser 1994), kept between 0.1 and 0.9.
    """

    @classmethod
    def fit(cls, contexts: Sequence[IntArray], symbols: IntArray, base: FloatArray) -> Self:
        """Count n symbols (n,) after their contexts: one (n,) array of keys ≥ 0 per length, the shortest first."""
        levels = []
        for keys, longer in zip(contexts, [*contexts[1:], None], strict=True):
            if longer is None:
                levels.append(ContextCounts.count(keys, symbols, len(base)))
            else:  # each different longer context counts once
                once = np.unique(longer * len(base) + symbols, return_index=True)[1]
                levels.append(ContextCounts.count(keys[once], symbols[once], len(base)))
        return cls(base, levels)

    def _mix(self, level: ContextCounts, index: IntArray, counts: IntArray, shorter: FloatArray) -> FloatArray:
        d, n, t = level.discount, take(level.totals, index), take(level.types, index)
        mixed: FloatArray = (np.maximum(counts - d, 0) + d * t * shorter) / np.maximum(n, 1)
        return mixed
