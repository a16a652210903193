"""The interpolation of ``kneser_ney`` as a compiled loop: the same figures to the last bit."""

from __future__ import annotations

from functools import partial

import numpy as np

from lmcompare.compiled import compiled, share
from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.estimating.kneser_ney import BoolArray, Discounts, Float32Array
from lmcompare.tokens import IntArray


def interpolate(
    level: Counts, kept: BoolArray | None, discount: Discounts, lower: Float32Array, threads: int
) -> tuple[Float32Array, Float32Array]:
    """Return the probabilities of one order and γ of its contexts, as ``kneser_ney`` does."""
    probabilities = np.empty(len(level), np.float32)
    gammas = np.empty(len(level.offsets) - 1, np.float32)
    amounts = np.array([0.0, *discount.amounts], np.float32)
    some = np.zeros(0, np.bool_) if kept is None else kept
    adjusted, shorter = level.adjusted.astype(np.int32, copy=False), level.shorter.astype(np.int32, copy=False)
    arrays = (level.offsets, adjusted, shorter, some, amounts, lower, probabilities, gammas)
    share(threads, level.offsets, partial(_interpolate, *arrays))
    return probabilities, gammas


@compiled
def _interpolate(
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
            own = (np.float32(adjusted[i]) - amounts[min(adjusted[i], 3)]) / np.float32(total)
            probabilities[i] = own + gammas[context] * lower[shorter[i]]
