"""The n-grams of a text, counted in every order: how often each stands there and what it stands after.

This is the plain form, a sort an order; ``counting_compiled`` gives the same and is faster on long texts. Nodes and
keys are those of ``backoff``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmcompare.counts.lookup.table import NOTHING, find
from lmcompare.tokens import IntArray

BLOCK = 2**20  # how many words or counts are looked at at a time


@dataclass(frozen=True, eq=False)
class Counts:
    """The n_k k-grams of one order of train.

    ``width``: V + 1. ``words``: (n_k,) int32, the last word of each. ``offsets``: (n_{k-1} + 1,) the k-grams of
    context node c are ``offsets[c]:offsets[c + 1]``, their words rising. ``shorter``: (n_k,) the node of the
    (k-1)-gram without the first word. ``raw``: (n_k,) how often the k-gram stands in train. ``adjusted``: (n_k,) what
    the estimate is made from: the raw count, if k is the highest order or the k-gram begins with ``<s>``; else how
    many distinct words, ``<s>`` among them, stand before it. ``statistics``: (4,) how many k-grams have the adjusted
    count 1, 2, 3, 4.
    """

    width: int
    words: IntArray
    offsets: IntArray
    shorter: IntArray
    raw: IntArray
    adjusted: IntArray
    statistics: IntArray

    def __len__(self) -> int:
        return len(self.words)

    @property
    def contexts(self) -> IntArray:
        """(n_k,) int64, rising: the context node of each k-gram."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    @property
    def keys(self) -> IntArray:
        """(n_k,) int64, rising: context node times (V + 1) plus word."""
        return self.contexts * self.width + self.words


def count(words: IntArray, order: int, start: int, end: int, unknown: int = 0) -> list[Counts]:
    """Count the n-grams of a text of the orders 1 to ``order``.

    Parameters: ``words``, (N + S,), sentences that each begin with ``<s>``; ``start``, V, the id of ``<s>``;
    ``end`` and ``unknown``, the ids of ``</s>`` and ``<unk>``. No n-gram holds ``<s>`` but as its first word, and its
    unigram has the count 0.
    """
    return list(_levels(words, order, start, end, unknown))


def _levels(words: IntArray, order: int, start: int, end: int, unknown: int) -> Iterator[Counts]:
    width = start + 1
    words = words.astype(np.int64)
    keys, shorter, size = np.arange(width), np.zeros(width, np.int64), 1
    nodes, raw = words, np.bincount(words, minlength=width)
    raw[start] = 0
    first_initial = start  # the k-grams that begin with <s>, the greatest id, stand after all others
    latest = latest_grams(words, places(words, start, end, unknown), order)
    for k in range(1, order + 1):
        context, word = keys // width, (keys % width).astype(np.int32)
        offsets = np.append(0, np.cumsum(np.bincount(context, minlength=size)))
        if k == order:
            yield Counts(width, word, offsets, shorter, raw, raw, statistics(raw, raw))
            return
        at = np.flatnonzero((nodes[:-1] != NOTHING) & (words[1:] != start)) + 1
        longer, node_at, longer_raw = np.unique(
            nodes[at - 1] * width + words[at], return_inverse=True, return_counts=True
        )
        longer_shorter = np.empty(len(longer), np.int64)
        longer_shorter[node_at] = nodes[at]
        adjusted = np.bincount(longer_shorter, minlength=len(keys))
        adjusted[first_initial:] = raw[first_initial:]
        last = nodes[latest[k - 1]] if k <= len(latest) else None
        yield Counts(width, word, offsets, shorter, raw, adjusted, statistics(adjusted, raw, last))
        first_initial = int(np.searchsorted(longer, first_initial * width))
        nodes = np.full(len(words), NOTHING, np.int64)
        nodes[at] = node_at
        size, keys, shorter, raw = len(keys), longer, longer_shorter, longer_raw


def nodes_of(levels: Sequence[Counts], words: IntArray) -> list[IntArray]:
    """Return for each order, (N,), the node of the k-gram that ends at each word of a text; ``NOTHING`` if unseen.

    ``words``: (N,) ids, sentences that each begin with ``<s>``.
    """
    nodes = [words]
    for level in levels[1:]:
        contexts = np.append(NOTHING, nodes[-1][:-1])[: len(words)]
        nodes.append(find(level.offsets, level.words, contexts, words))
    return nodes


def places(words: IntArray, start: int, end: int, unknown: int = 0) -> IntArray:
    """(V + 1,) the ids that ``lmplz`` would give: ``<unk>``, ``<s>``, ``</s>``, then words by first appearance.

    Types that do not stand in train come last, by their ids here.
    """
    appeared = np.arange(start + 1) + len(words)
    for block in reversed(range(0, len(words), BLOCK)):
        part = words[block : block + BLOCK][::-1]
        appeared[part] = np.arange(block + len(part), block, -1) - 1  # the first appearance is written last
    appeared[[unknown, start, end]] = -3, -2, -1
    ranks = np.empty(start + 1, np.int64)
    ranks[np.argsort(appeared)] = np.arange(start + 1)
    return ranks


def latest_grams(words: IntArray, places: IntArray, order: int) -> list[int]:
    """Return where a last k-gram ends, for k = 1, 2 … below ``order``, for as long as there is one.

    The last in the order that ``lmplz`` sorts by: last word first, words by their places. It enters the counts of
    counts with its raw count there, though its probability is estimated from the adjusted one.
    """
    start = len(places) - 1
    stands = np.zeros(start + 1, np.bool_)
    for block in range(0, len(words), BLOCK):
        stands[words[block : block + BLOCK]] = True
    stands[start] = False
    if not stands.any():
        return []
    ends = np.flatnonzero(words == np.where(stands, places, -1).argmax())
    latest = [int(ends[0])]
    for k in range(2, order):
        ends = ends[words[ends - (k - 2)] != start]  # nothing stands before <s>
        if not len(ends):
            break
        place = places[words[ends - (k - 1)]]
        ends = ends[place == place.max()]
        latest.append(int(ends[0]))
    return latest[: order - 1]


def statistics(adjusted: IntArray, raw: IntArray, last: int | None = None) -> IntArray:
    """(4,) how many counts are 1, 2, 3, 4; that of the node ``last`` goes in raw."""
    n = np.zeros(6, np.int64)
    for block in range(0, len(adjusted), BLOCK):
        n += np.bincount(np.minimum(adjusted[block : block + BLOCK], 5), minlength=6)
    if last is not None:
        n[min(adjusted[last], 5)] -= 1
        n[min(raw[last], 5)] += 1
    return n[1:5]
