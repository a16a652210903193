"""The compiled loop of Kneser-Ney's interpolation, in float32 and in the order of ``lmplz``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled
from lmcompare.tokens import IntArray

BoolArray = npt.NDArray[np.bool_]
Float32Array = npt.NDArray[np.float32]


@compiled
def interpolate(
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
            own = (np.float32(adjusted[i]) - amounts[min(adjusted[i], 3)]) / np.float32(total)
            probabilities[i] = own + gammas[context] * lower[shorter[i]]
