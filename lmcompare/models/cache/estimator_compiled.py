"""The compiled loops of ``estimator``: counts that decay along a text, and distributions with them."""

from __future__ import annotations

import numpy as np

from lmcompare.compiled import compiled
from lmcompare.model import FloatArray
from lmcompare.tokens import IntArray

GONE = 80.0  # half-lives after which a count is smaller than the rounding errors of the others
SMALL = 1e-100  # below this scale the counts are multiplied by it


@compiled
def decayed(previous: IntArray, decay: float) -> FloatArray:
    """(N,) the decayed count, at each position, of the n-gram that ends there, including this occurrence.

    ``previous``, (N,), has the last earlier position at which the same n-gram ends, or -1.
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
    """Multiply the rows, (B, V), by ``factors[0]``, and add the counts of each cache times its factor, in place.

    ``words``, ``begins`` and ``previous`` are those of ``Past``; ``orders`` and ``decays``, (K,), those of the
    caches. ``at`` has B positions, ``order`` the rows in ascending order of position, and ``factors`` has shape (K +
    1, B).
    """
    types = rows.shape[1]
    counts = np.zeros((len(orders), types))  # of single words at the position ``now``, divided by ``scales``
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
