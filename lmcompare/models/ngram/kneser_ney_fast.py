"""The loops of ``kneser_ney``: its arithmetic order of operations, shared by threads, in a room of limited size."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled, prefetch, share
from lmcompare.counts.level import BoolArray, Float32Array, Level, compact, read_only
from lmcompare.counts.ngrams import AHEAD, BLOCK, Counts
from lmcompare.counts.room import Room
from lmcompare.counts.table import BackoffTable
from lmcompare.tokens import IntArray


def above(counts: IntArray, threshold: int, room: Room) -> BoolArray | None:
    """(n,) which counts are above a threshold; None if it is 0, for all."""
    if not threshold:
        return None
    found: BoolArray = room.empty(len(counts), np.bool_)
    np.greater(counts, threshold, out=found)
    return found


def interpolate(
    level: Counts,
    kept: BoolArray | None,
    amounts: Float32Array,
    lower: Float32Array,
    threads: int,
    room: Room,
) -> tuple[Float32Array, Float32Array]:
    """Return what ``kneser_ney.interpolate`` returns, to the last bit."""
    probabilities = room.empty(len(level), np.float32)
    gammas = room.empty(len(level.offsets) - 1, np.float32)
    some = np.zeros(0, np.bool_) if kept is None else kept
    adjusted, shorter = level.adjusted.astype(np.int32, copy=False), level.shorter.astype(np.int32, copy=False)
    of_level = (read_only(level.offsets), read_only(adjusted), read_only(shorter), read_only(some))
    arrays = (*of_level, read_only(amounts), read_only(lower), probabilities, gammas)
    share(threads, level.offsets, partial(_interpolate_part, *arrays))
    return probabilities, gammas


class Builder:
    """Makes the table of V types, order by order, in a room; the n-grams that are not kept are left out."""

    def __init__(self, size: int, room: Room) -> None:
        self._size, self._room = size, room
        self._levels: list[tuple[IntArray, IntArray, IntArray, Float32Array]] = []
        self._log10_gammas: list[Float32Array] = []
        self._kept: BoolArray | None = None  # which n-grams of the order below are kept; None for all

    def add(self, level: Counts, kept: BoolArray | None, probabilities: Float32Array, gammas: Float32Array) -> None:
        """Add an order: its counts, the probabilities of its n-grams, and γ of its contexts."""
        room, below = self._room, self._kept
        self._log10_gammas.append(_log10(_those(below, gammas, room), room))
        offsets = level.offsets if kept is None else _offsets_of_kept(level.offsets, kept, below, room)
        words, adjusted = (_those(kept, array, room) for array in (level.words, level.adjusted))
        log10_probs = _log10(_those(kept, probabilities, room), room)
        self._levels.append((words, compact(offsets), compact(adjusted), log10_probs))
        self._kept = kept

    def table(self) -> BackoffTable:
        """Return the table; γ of the empty context is included in the unigrams."""
        weights = [*self._log10_gammas[1:], np.zeros(0, np.float32)]
        levels = (Level(self._size + 1, *arrays, w) for arrays, w in zip(self._levels, weights, strict=True))
        return BackoffTable(tuple(levels))


def _those(kept: BoolArray | None, values: npt.NDArray[Any], room: Room) -> npt.NDArray[Any]:
    """Return the values that are kept: the array itself, if all are kept."""
    if kept is None:
        return values
    those, made = room.empty(int(np.count_nonzero(kept)), values.dtype), 0
    for block in range(0, len(kept), BLOCK):
        part = values[block : block + BLOCK][kept[block : block + BLOCK]]
        those[made : made + len(part)] = part
        made += len(part)
    return those


def _offsets_of_kept(offsets: IntArray, kept: BoolArray, kept_below: BoolArray | None, room: Room) -> IntArray:
    """Return the offsets of the kept contexts into the kept n-grams."""
    contexts = len(offsets) - 1 if kept_below is None else int(np.count_nonzero(kept_below))
    found = room.empty(contexts + 1, np.int32)
    some = np.zeros(0, np.bool_) if kept_below is None else kept_below
    _fill_offsets(read_only(offsets), read_only(kept), read_only(some), found)
    return found


@compiled
def _fill_offsets(offsets: IntArray, kept: BoolArray, kept_below: BoolArray, found: IntArray) -> None:
    """Write the offsets of the kept contexts; all contexts are kept if ``kept_below`` is empty."""
    made = context = 0
    found[0] = 0
    for below in range(len(offsets) - 1):
        for i in range(offsets[below], offsets[below + 1]):
            made += int(kept[i])
        if len(kept_below) == 0 or kept_below[below]:
            context += 1
            found[context] = made


@compiled
def _interpolate_part(
    offsets: IntArray,
    adjusted: IntArray,
    shorter: IntArray,
    kept: BoolArray,
    amounts: Float32Array,
    lower: Float32Array,
    probabilities: Float32Array,
    gammas: Float32Array,
    first: int,
    last: int,
) -> None:
    """Write the probabilities of one order and γ after the contexts ``first`` to ``last`` - 1."""
    pruning = len(kept) > 0
    for context in range(first, last):
        begin, end = offsets[context], offsets[context + 1]
        total = pruned = n1 = n2 = n3 = 0
        for i in range(begin, end):
            count = int(adjusted[i])
            total += count
            if pruning and not kept[i]:
                pruned += count
            else:
                n1 += int(count == 1)
                n2 += int(count == 2)
                n3 += int(count >= 3)
        if total == 0:
            gammas[context] = 1
        else:
            gamma = amounts[1] * np.float32(n1) + amounts[2] * np.float32(n2)
            gamma += amounts[3] * np.float32(n3)
            gamma += np.float32(pruned)
            gammas[context] = gamma / np.float32(total)
        for i in range(begin, end):
            if i + AHEAD < offsets[last]:
                prefetch(lower, shorter[i + AHEAD])
            own = (np.float32(adjusted[i]) - amounts[min(adjusted[i], 3)]) / np.float32(total)
            probabilities[i] = own + gammas[context] * lower[shorter[i]]


def _log10(values: Float32Array, room: Room) -> Float32Array:
    """Return log10, at most 0, computed in float64 and rounded to float32."""
    logs: Float32Array = room.empty(len(values), np.float32)
    with np.errstate(divide="ignore"):  # a discount may be exactly 0
        for block in range(0, len(values), BLOCK):
            part = slice(block, block + BLOCK)
            logs[part] = np.minimum(np.log10(values[part], dtype=np.float64), 0)
    return logs
