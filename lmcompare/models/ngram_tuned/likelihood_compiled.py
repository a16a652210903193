"""The loop over a held-out text that computes its log-likelihood and the derivatives by the parameters."""

from __future__ import annotations

import numpy as np

from lmcompare.compiled import compiled
from lmcompare.tokens import FloatArray, IntArray


@compiled
def log_likelihood(
    words: IntArray,
    contexts: IntArray,
    counts: IntArray,
    classes: IntArray,
    totals: FloatArray,
    rows: IntArray,
    starts: IntArray,
    cells: IntArray,
    numbers: FloatArray,
    discounts: FloatArray,
    strengths: FloatArray,
    below: FloatArray,
    by_discounts: FloatArray,
    by_strengths: FloatArray,
    by_below: FloatArray,
) -> float:
    """Return the log-likelihood of all tokens in nats, and add its derivatives to the last three arrays.

    The arguments up to ``numbers`` are those of ``held_out.HeldOut``; ``discounts``, ``strengths`` and ``below`` are
    those of ``estimator.Parameters``.
    """
    n = len(contexts)
    saved, by_saved = strengths[rows], np.zeros(len(rows))
    for context in range(len(rows)):
        for i in range(starts[context], starts[context + 1]):
            saved[context] += numbers[i] * discounts[rows[context], cells[i]]
    p = np.empty(n + 1)  # [k]: the probability at order k
    total = 0.0
    for i in range(len(words)):
        p[0] = below[words[i]]
        for k in range(n):
            context = contexts[k, i]
            p[k + 1] = p[k]
            if context >= 0:
                kind = classes[k, i]
                own = counts[k, i] - discounts[rows[context], kind] if kind >= 0 else 0.0
                p[k + 1] = (own + saved[context] * p[k]) / (totals[context] + strengths[rows[context]])
        total += np.log(p[n])
        by_p = 1 / p[n]  # the derivative by p[k + 1]; at the end of the loop body, by p[k]
        for k in range(n - 1, -1, -1):
            context = contexts[k, i]
            if context >= 0:
                row, kind = rows[context], classes[k, i]
                by_own = by_p / (totals[context] + strengths[row])
                if kind >= 0:
                    by_discounts[row, kind] -= by_own
                by_saved[context] += by_own * p[k]
                by_strengths[row] -= by_own * p[k + 1]
                by_p = by_own * saved[context]
        by_below[words[i]] += by_p
    for context in range(len(rows)):
        by_strengths[rows[context]] += by_saved[context]
        for i in range(starts[context], starts[context + 1]):
            by_discounts[rows[context], cells[i]] += by_saved[context] * numbers[i]
    return total
