"""The loops of caches: counts that fade along a text, and whole distributions with them."""

from __future__ import annotations

import numpy as np

from lmcompare.compiled import compiled
from lmcompare.model import FloatArray
from lmcompare.tokens import IntArray

GONE = 80.0  # half-lives after which a count is nothing beside the rounding of the others
SMALL = 1e-100  # a scale below which sums are written out anew


@compiled
def faded(previous: IntArray, decay: float) -> FloatArray:
    """(N,) for each position, the count of what ends there, itself included, as of that position.

    ``previous``: (N,) the last position before where the same ends, or -1.
    """
    sums = np.ones(len(previous))
    for at in range(len(previous)):
        last = previous[at]
        if last >= 0:
            sums[at] += sums[last] * decay ** (at - last)
    return sums


@compiled
def add(
    words: IntArray,
    begins: IntArray,
    previous: IntArray,
    orders: IntArray,
    decays: FloatArray,
    at: IntArray,
    order: IntArray,
    factors: FloatArray,
    rows: FloatArray,
) -> None:
    """Multiply rows (B, V) by ``factors[0]`` and add each cache's counts times its factor, in place.

    ``words``, ``begins`` and ``previous`` (longest, N) are those of ``Past``; ``orders`` and ``decays`` (K,) of the
    caches; ``at``: (B,) positions; ``order``: (B,) the rows by rising position; ``factors``: (K + 1, B).
    """
    types = rows.shape[1]
    counts = np.zeros((len(orders), types))  # of single words, as of ``now``, divided by ``scales``
    scales = np.ones(len(orders))
    begin = now = -1
    for b in order:
        position = at[b]
        if begins[position] != begin:
            begin = now = begins[position]
            counts[:] = 0.0
            scales[:] = 1.0
        for k in range(len(orders)):
            if orders[k] == 1:
                for passed in range(now, position):
                    scales[k] *= decays[k]
                    if scales[k] < SMALL:
                        counts[k] *= scales[k]
                        scales[k] = 1.0
                    counts[k, words[passed]] += 1.0 / scales[k]
        now = position
        row = rows[b]
        row *= factors[0, b]
        for k in range(len(orders)):
            factor = factors[k + 1, b]
            if orders[k] == 1:
                factor *= scales[k]
                for word in range(types):
                    row[word] += factor * counts[k, word]
            elif position > begin:
                passed = previous[orders[k] - 2, position - 1]
                farthest = GONE * np.log(0.5) / np.log(decays[k])
                while passed >= 0 and position - passed < farthest:
                    row[words[passed + 1]] += factor * decays[k] ** (position - 2 - passed)
                    passed = previous[orders[k] - 2, passed]
