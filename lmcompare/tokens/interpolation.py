"""Interpolated models over the small alphabets of the code length: Witten-Bell for gaps, Kneser-Ney for spelling."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from lmcompare.tokens.counted import Level, take
from lmcompare.tokens.decisions import FloatArray
from lmcompare.tokens.vocabulary import IntArray


class Interpolated(ABC):
    """P(symbol | contexts): the estimate after the longest context, into which the shorter ones are mixed.

    ``base``: (K,) the distribution below the shortest context, above zero everywhere. ``levels``: what was counted,
    the shortest contexts first. A context that was never seen hands over to the next shorter one.
    """

    def __init__(self, base: FloatArray, levels: Sequence[Level]) -> None:
        self.base: FloatArray = np.asarray(base, np.float64)
        self.levels = tuple(levels)

    @classmethod
    @abstractmethod
    def fit(cls, contexts: Sequence[IntArray], symbols: IntArray, base: FloatArray) -> Self:
        """Count n symbols (n,) after their contexts, one (n,) array of keys ≥ 0 a level, the shortest first."""

    @abstractmethod
    def _mix(self, level: Level, index: IntArray, counts: IntArray, shorter: FloatArray) -> FloatArray:
        """(n,) the estimates of one level, at contexts given by index (what -1 gets is not used)."""

    def probability(self, contexts: Sequence[IntArray], symbols: IntArray) -> FloatArray:
        """(n,) the probability of each symbol (n,) after its contexts, an (n,) array a level."""
        p: FloatArray = self.base[symbols]
        for level, keys in zip(self.levels, contexts, strict=True):
            index, counts = level.look_up(keys, symbols, len(self.base))
            p = np.where(index >= 0, self._mix(level, index, counts, p), p)
        return p

    def distribution(self, contexts: Sequence[int]) -> FloatArray:
        """(K,) the probabilities of all symbols after one context a level; the same figures as ``probability``."""
        symbols = np.arange(len(self.base))
        return self.probability([np.full(len(symbols), key) for key in contexts], symbols)


class WittenBell(Interpolated):
    """With the counts c of a context, their sum n and the number t of its different symbols,

        P(s | context) = (c(s) + t · P(s | next shorter context)) / (n + t)

    (Witten and Bell, "The zero-frequency problem", 1991, method C; interpolated as in Chen and Goodman 1999, section
    2.5). A context that one symbol alone followed n times leaves 1 / (n + 1) of what the shorter ones leave.
    """

    @classmethod
    def fit(cls, contexts: Sequence[IntArray], symbols: IntArray, base: FloatArray) -> Self:
        return cls(base, [Level.count(keys, symbols, len(base)) for keys in contexts])

    def _mix(self, level: Level, index: IntArray, counts: IntArray, shorter: FloatArray) -> FloatArray:
        n, t = take(level.totals, index), take(level.types, index)
        mixed: FloatArray = (counts + t * shorter) / np.maximum(n + t, 1)
        return mixed

    def pruned(self, contexts: Sequence[IntArray], symbols: IntArray, least_bits: float) -> WittenBell:
        """Return the model without those longest contexts that save less than ``least_bits`` on what was counted."""
        shorter = WittenBell(self.base, self.levels[:-1])
        level, keys = self.levels[-1], contexts[-1]
        saved = np.log2(self.probability(contexts, symbols)) - np.log2(shorter.probability(contexts[:-1], symbols))
        index, _ = level.look_up(keys, symbols, len(self.base))
        gains = np.bincount(index[index >= 0], saved[index >= 0], minlength=len(level.contexts))
        worthy = np.append(gains >= least_bits, False)[index]  # -1, no context, takes the last
        kept = Level.count(np.where(worthy, keys, -1), symbols, len(self.base))
        return WittenBell(self.base, [*self.levels[:-1], kept])

    def to_json(self) -> dict[str, Any]:
        """Return the model as a JSON-able table."""
        names = ("contexts", "events", "counts")
        levels = [{name: getattr(level, name).tolist() for name in names} for level in self.levels]
        return {"base": self.base.tolist(), "levels": levels}

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> WittenBell:
        """Return the model that ``to_json`` stored."""
        base = np.array(table["base"], np.float64)
        levels = []
        for stored in table["levels"]:
            contexts, events, counts = (np.array(stored[n], np.int64) for n in ("contexts", "events", "counts"))
            levels.append(Level.of_events(contexts, events, counts, len(base)))
        return cls(base, levels)


class KneserNey(Interpolated):
    """With one absolute discount d a level, and continuation counts c below the longest contexts,

        P(s | context) = (max(c(s) - d, 0) + d · t · P(s | next shorter context)) / n

    (Kneser and Ney 1995, interpolated as in Chen and Goodman 1999, section 2.7). d = n₁ / (n₁ + 2 n₂), from the
    numbers of events counted once and twice (Ney, Essen and Kneser 1994), kept within 0.1 and 0.9.
    """

    @classmethod
    def fit(cls, contexts: Sequence[IntArray], symbols: IntArray, base: FloatArray) -> Self:
        levels = []
        for keys, longer in zip(contexts, [*contexts[1:], None], strict=True):
            if longer is None:
                levels.append(Level.count(keys, symbols, len(base)))
            else:  # each different longer context counts once
                _, index = np.unique(longer, return_inverse=True)
                _, once = np.unique(index.reshape(-1) * len(base) + symbols, return_index=True)
                levels.append(Level.count(keys[once], symbols[once], len(base)))
        return cls(base, levels)

    def _mix(self, level: Level, index: IntArray, counts: IntArray, shorter: FloatArray) -> FloatArray:
        d, n, t = level.discount, take(level.totals, index), take(level.types, index)
        mixed: FloatArray = (np.maximum(counts - d, 0) + d * t * shorter) / np.maximum(n, 1)
        return mixed
