"""The estimate of ``kneser_ney`` in compiled loops, which threads share, in a room of limited size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled, prefetch, share
from lmcompare.counts.ngrams import AHEAD, BLOCK, IN_MEMORY, Counts, Room
from lmcompare.counts.table import BackoffTable, BoolArray, Float32Array, Level, compact, read_only
from lmcompare.models.ngram.kneser_ney import Discounts, discounts
from lmcompare.tokens import IntArray


def estimate(
    counts: Iterable[Counts], size: int, prune: Sequence[int] = (0,), threads: int = 1, room: Room = IN_MEMORY
) -> tuple[BackoffTable, list[Discounts]]:
    """Return the table of what ``kneser_ney.estimate`` returns, without the pruned n-grams, and the discounts.

    Parameters
    ----------
    counts, size, prune
        As in ``kneser_ney.estimate``; each order is freed before the next one is counted.
    threads : int, default 1
        The number of threads; it does not change the result.
    room : Room
        Where the arrays of the table are made; by default in memory.
    """
    lower = np.full(size + 1, 1 / np.float32(size), np.float32)
    found, levels, weights = [], [], []
    kept_below: BoolArray | None = None  # which n-grams of the order below are kept; None for all
    for k, level in enumerate(counts):
        found.append(discounts(level.statistics))
        kept = _above(level.raw, prune[min(k, len(prune) - 1)], room)
        lower, gammas = interpolate(level, kept, found[-1].of_counts, lower, threads, room)
        if k == 0:
            lower[size] = 1.0
        weights.append(_log10(_those(kept_below, gammas, room), room))
        offsets = level.offsets if kept is None else _offsets_of_kept(level.offsets, kept, kept_below, room)
        words, adjusted = (_those(kept, array, room) for array in (level.words, level.adjusted))
        levels.append((words, compact(offsets), compact(adjusted), _log10(_those(kept, lower, room), room)))
        kept_below = kept
        del level, gammas
    weights = [*weights[1:], np.zeros(0, np.float32)]  # γ of the empty context is included in the unigrams
    made = (Level(size + 1, *arrays, own) for arrays, own in zip(levels, weights, strict=True))
    return BackoffTable(tuple(made)), found


def _above(counts: IntArray, threshold: int, room: Room) -> BoolArray | None:
    """(n,) which counts are above a threshold; None if it is 0, for all."""
    if not threshold:
        return None
    found: BoolArray = room.empty(len(counts), np.bool_)
    np.greater(counts, threshold, out=found)
    return found


def interpolate(
    level: Counts, kept: BoolArray | None, amounts: Float32Array, lower: Float32Array, threads: int, room: Room
) -> tuple[Float32Array, Float32Array]:
    """Return what ``kneser_ney.interpolate`` returns for the adjusted counts of the level, to the last bit."""
    probabilities = room.empty(len(level), np.float32)
    gammas = room.empty(len(level.offsets) - 1, np.float32)
    some = np.zeros(0, np.bool_) if kept is None else kept
    adjusted, shorter = level.adjusted.astype(np.int32, copy=False), level.shorter.astype(np.int32, copy=False)
    of_level = (read_only(level.offsets), read_only(adjusted), read_only(shorter), read_only(some))
    arrays = (*of_level, read_only(amounts), read_only(lower), probabilities, gammas)
    share(threads, level.offsets, partial(_interpolate_part, *arrays))
    return probabilities, gammas


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
