"""The n-grams of a text, counted in every order: how often each stands there and what it stands after.

Nodes and keys are those of ``backoff``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmcompare.models.counts.backoff import NOTHING
from lmcompare.tokens import IntArray


@dataclass(frozen=True, eq=False)
class Counts:
    """The n_k k-grams of one order of train.

    ``keys``: (n_k,) int64, rising: context node times (V + 1) plus word. ``shorter``: (n_k,) the node of the
    (k-1)-gram without the first word. ``raw``: (n_k,) int64, how often the k-gram stands in train. ``adjusted``:
    (n_k,) int64, what the estimate is made from: the raw count, if k is the highest order or the k-gram begins with
    ``<s>``; else how many distinct words, ``<s>`` among them, stand before it. ``statistics``: (4,) how many k-grams
    have the adjusted count 1, 2, 3, 4.
    """

    keys: IntArray
    shorter: IntArray
    raw: IntArray
    adjusted: IntArray
    statistics: IntArray


def count(words: IntArray, order: int, start: int, end: int, unknown: int = 0) -> list[Counts]:
    """Count the n-grams of order 1 to ``order``.

    Parameters: ``words``, (N + S,) int64, sentences that each begin with ``<s>``; ``start``, V, the id of ``<s>``;
    ``end`` and ``unknown``, the ids of ``</s>`` and ``<unk>``. No n-gram holds ``<s>`` but as its first word, and its
    unigram has the count 0.
    """
    width = start + 1
    keys, shorter = np.arange(width, dtype=np.int64), np.zeros(width, np.int64)
    nodes, raw, initial = words, np.bincount(words, minlength=width), keys == start
    raw[start] = 0
    latest = _LatestGram(words, places(words, start, end, unknown))
    levels = []
    for _ in range(1, order):
        at = np.flatnonzero((nodes[:-1] != NOTHING) & (words[1:] != start)) + 1
        longer, node_at, longer_raw = np.unique(
            nodes[at - 1] * width + words[at], return_inverse=True, return_counts=True
        )
        longer_shorter = np.empty(len(longer), np.int64)
        longer_shorter[node_at] = nodes[at]
        adjusted = np.where(initial, raw, np.bincount(longer_shorter, minlength=len(keys)))
        levels.append(Counts(keys, shorter, raw, adjusted, _statistics(latest.with_raw_count(adjusted, raw, nodes))))
        nodes = np.full(len(words), NOTHING, np.int64)
        nodes[at] = node_at
        keys, shorter, raw, initial = longer, longer_shorter, longer_raw, initial[longer // width]
    return [*levels, Counts(keys, shorter, raw, raw, _statistics(raw))]


def places(words: IntArray, start: int, end: int, unknown: int = 0) -> IntArray:
    """(V + 1,) the ids that ``lmplz`` would give: ``<unk>``, ``<s>``, ``</s>``, then words by first appearance.

    Types that do not stand in train come last, by their ids here.
    """
    appeared = np.arange(start + 1) + len(words)
    appeared[words[::-1]] = np.arange(len(words))[::-1]  # the first appearance is written last
    appeared[[unknown, start, end]] = -3, -2, -1
    ranks = np.empty(start + 1, np.int64)
    ranks[np.argsort(appeared)] = np.arange(start + 1)
    return ranks


def _statistics(counts: IntArray) -> IntArray:
    return np.bincount(counts.clip(max=5), minlength=6)[1:5]


class _LatestGram:
    """The last k-gram of each order k in the order that ``lmplz`` sorts by: last word first, words by their places.

    It enters the counts of counts with its raw count there, though its probability is estimated from the adjusted
    one. Asked for the orders 1, 2, 3 … in turn.
    """

    def __init__(self, words: IntArray, places: IntArray) -> None:
        self._places = places[words]
        self._ends = np.flatnonzero(words != len(places) - 1)  # where the last k-gram ends, all its occurrences
        self._k = 0

    def with_raw_count(self, adjusted: IntArray, raw: IntArray, nodes: IntArray) -> IntArray:
        """Return the adjusted counts of the next order, the last k-gram's replaced by its raw one.

        ``nodes``: (N + S,) the node of the k-gram that ends at each word. There is no such k-gram once ``<s>`` has
        been reached.
        """
        self._ends = self._ends[nodes[self._ends] != NOTHING]
        if not len(self._ends):
            return adjusted
        place = self._places[self._ends - self._k]
        self._ends = self._ends[place == place.max()]
        self._k += 1
        node = nodes[self._ends[0]]
        counts = adjusted.copy()
        counts[node] = raw[node]
        return counts
