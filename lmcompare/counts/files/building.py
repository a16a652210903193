"""A back-off table from n-grams in any order: they are sorted by context, and missing contexts are added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmcompare.compiled import compiled
from lmcompare.counts.lookup.level import NATS, NOTHING, BoolArray, Float32Array, Level
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.tokens import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Grams:
    """n k-grams in lexicographic order: ``rows``, (n, k) int32 words, ``log10_probs`` and ``log10_backoffs``, (n,).

    A probability of NaN stands for the one that backing off gives.
    """

    rows: IntArray
    log10_probs: Float32Array
    log10_backoffs: Float32Array

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: BoolArray | IntArray) -> Grams:
        """Return some of the n-grams."""
        return Grams(self.rows[which], self.log10_probs[which], self.log10_backoffs[which])


def joined(parts: Sequence[Grams], width: int) -> Grams:
    """Return the n-grams of several parts, all of one order, sorted."""
    rows = np.concatenate([part.rows for part in parts]).astype(np.int32)
    probs = np.concatenate([part.log10_probs for part in parts])
    backoffs = np.concatenate([part.log10_backoffs for part in parts])
    return Grams(rows, probs, backoffs).take(lexicographic(rows, width))


@compiled
def lexicographic(rows: IntArray, width: int) -> IntArray:
    """(n,) the order that sorts the rows (n, k) of words below ``width``: counting sort by the last word first."""
    n, k = rows.shape
    order, other = np.arange(n), np.empty(n, np.int64)
    for column in range(k - 1, -1, -1):
        place = np.zeros(width + 1, np.int64)
        for i in range(n):
            place[rows[i, column] + 1] += 1
        for word in range(width):
            place[word + 1] += place[word]
        for i in range(n):
            word = rows[order[i], column]
            other[place[word]] = order[i]
            place[word] += 1
        order, other = other, order
    return order


@compiled
def contexts_of(rows: IntArray, contexts: IntArray) -> IntArray:
    """(n,) the number of each row's context (the row without its last word) in ``contexts`` (m, k - 1); both sorted.

    ``NOTHING``, -1, where the context is not among them.
    """
    n, k = rows.shape
    found = np.full(n, -1, np.int64)
    at = 0
    for i in range(n):
        while at < len(contexts):
            order = 0
            for column in range(k - 1):
                if contexts[at, column] != rows[i, column]:
                    order = -1 if contexts[at, column] < rows[i, column] else 1
                    break
            if order == 0:
                found[i] = at
            if order >= 0:
                break
            at += 1
    return found


def build(orders: Sequence[Grams], width: int) -> BackoffTable:
    """Return the table of n-grams of order 1, 2 …; the unigrams are all the words 0 … ``width`` - 1.

    A context that is missing among the n-grams of its own order is added with the probability that backing off gives
    and the weight 1, so that no probability changes.
    """
    orders = list(orders)
    for k in range(len(orders) - 1, 1, -1):  # from the longest down, since an added context needs its own context
        rows = orders[k].rows
        without = rows[contexts_of(rows, orders[k - 1].rows) == NOTHING, :-1]
        if len(without):
            put_in = np.unique(without, axis=0)
            unknown, one = np.full(len(put_in), np.nan, np.float32), np.zeros(len(put_in), np.float32)
            orders[k - 1] = joined([orders[k - 1], Grams(put_in, unknown, one)], width)
    none = np.zeros(0, np.int64)
    levels: list[Level] = []
    shorter: IntArray = np.zeros((1, 0), np.int32)  # the empty context
    for k, grams in enumerate(orders, 1):
        contexts = contexts_of(grams.rows, shorter)
        offsets = np.append(0, np.cumsum(np.bincount(contexts, minlength=len(shorter))))
        probs = grams.log10_probs
        if len(left_open := np.flatnonzero(np.isnan(probs))):
            probs = probs.copy()
            probs[left_open] = _backed_off(levels, grams.rows[left_open]) / NATS
        backoffs = grams.log10_backoffs if k < len(orders) else none.astype(np.float32)
        levels.append(Level(width, np.ascontiguousarray(grams.rows[:, -1]), offsets, none, probs, backoffs))
        shorter = grams.rows
    return BackoffTable(tuple(levels))


def _backed_off(levels: Sequence[Level], grams: IntArray) -> FloatArray:
    """(m,) nats: the log-probability that the levels 1 … k - 1 give to the last word of each k-gram (m, k)."""
    k = grams.shape[1]
    words = grams[:, -1].astype(np.int64)
    scores = levels[0].log_probs_of(words)
    for j in range(1, k):
        context: IntArray = grams[:, k - 1 - j].astype(np.int64)
        for i in range(1, j):
            context = levels[i].find(context, grams[:, k - 1 - j + i])
        scores = scores + levels[j - 1].log10_backoff(context) * NATS
        if j < k - 1:
            nodes = levels[j].find(context, words)
            found = nodes != NOTHING
            scores[found] = levels[j].log_probs_of(nodes[found])
    return scores
