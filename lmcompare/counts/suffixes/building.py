"""How the index of a text's contexts is made from its suffix array: places, nodes, and counts of following tokens."""

from __future__ import annotations

import numpy as np

from lmcompare.compiled import compiled
from lmcompare.tokens import IntArray

FREQUENT = 128  # contexts with at least this many places have stored counts; others are counted anew each time
MOST_LEVELS = 60  # the most branching contexts of a passage; only degenerate texts ("a a a a ...") have more
REPEATS = 2  # the most counts of the same preceding token; 1 in Kneser-Ney, but 2 saves bytes and characters 0.5 %


@compiled
def places(words: IntArray, suffixes: IntArray, start: int) -> tuple[IntArray, IntArray]:
    """Return the places (N,) of a text's tokens sorted by their contexts, and how many tokens neighbours share.

    Parameters
    ----------
    words : IntArray of shape (M,)
        The tokens with start marks, whose id is ``start``; the first token is a start mark.
    suffixes : IntArray of shape (M,)
        The suffix array of ``words`` in reversed order.

    Returns
    -------
    places, shared : IntArray of shape (N,)
        The places, and the number of tokens, back to a start mark at most, that the contexts of a place and of the
        place before it in this order have in common; 0 for the first.
    """
    size = len(words)
    reaches = np.empty(size + 1, np.int32)  # the length of the context of each place, the start mark included
    reaches[0] = 0
    for at in range(size):
        reaches[at + 1] = 1 if words[at] == start else reaches[at] + 1
    ranks = np.empty(size, np.int32)
    for rank in range(size):
        ranks[suffixes[rank]] = rank
    alike = np.zeros(size, np.int32)  # by rank: how many first tokens a suffix shares with the suffix before it
    same = 0
    for suffix in range(size):  # one token less is in common when both suffixes lose their first (Kasai et al. 2001)
        rank = ranks[suffix]
        if rank == 0:
            same = 0
            continue
        other = suffixes[rank - 1]
        while max(suffix, other) + same < size and words[size - 1 - suffix - same] == words[size - 1 - other - same]:
            same += 1
        alike[rank] = same
        same = max(0, same - 1)
    found, shared = np.empty(size, np.int32), np.empty(size, np.int32)
    n = 0
    least = 0
    for rank in range(size):
        at = size - suffixes[rank]
        least = min(least, alike[rank])
        if at < size and words[at] != start:
            found[n], shared[n] = at, min(least, reaches[at])
            n += 1
            least = size
    return found[:n].copy(), shared[:n].copy()


def nodes(shared: IntArray) -> IntArray:
    """Return the (F, 3) frequent branching contexts, as ``contexts.Index`` has them, from the ``shared`` tokens."""
    found = _nodes(shared)
    order = np.lexsort((found[:, 2], -found[:, 1], found[:, 0]))  # for the same range, the shorter context first
    return np.ascontiguousarray(found[order])


@compiled
def _nodes(shared: IntArray) -> IntArray:
    """Return the frequent branching contexts in the order in which their ranges end.

    A range ends where its neighbours share less than its length. The open ranges, each within the one before, are on
    a stack.
    """
    size = len(shared)
    found, n = np.empty((64, 3), np.int32), 0
    firsts, lengths = np.zeros(64, np.int32), np.zeros(64, np.int32)
    top = 0  # the empty context
    for at in range(1, size + 1):
        length = shared[at] if at < size else -1
        first = at - 1
        while top >= 0 and lengths[top] > length:
            first = firsts[top]
            if top < MOST_LEVELS and (at - first >= FREQUENT or top == 0):
                if n == len(found):
                    more = np.empty((2 * n, 3), np.int32)
                    more[:n] = found
                    found = more
                found[n, 0], found[n, 1], found[n, 2] = first, at, lengths[top]
                n += 1
            top -= 1
        if top >= 0 and lengths[top] < length:
            top += 1
            if top == len(firsts):
                more_firsts, more_lengths = np.empty(2 * top, np.int32), np.empty(2 * top, np.int32)
                more_firsts[:top], more_lengths[:top] = firsts, lengths
                firsts, lengths = more_firsts, more_lengths
            firsts[top], lengths[top] = first, length
    return found[:n].copy()


def pairs(
    words: IntArray, places: IntArray, shared: IntArray, nodes: IntArray, types: int
) -> tuple[IntArray, IntArray, IntArray]:
    """Return the offsets (F + 1,), the following tokens and the counts (G,) of the nodes.

    A token counts once or twice (``REPEATS``) for each different token before the context. After a context that ends
    with a start mark, before which nothing can stand, it counts as often as it occurs.
    """
    offsets, following, counts, n = _pairs(words, places, shared, nodes, types)
    return offsets, following[:n].copy(), counts[:n].copy()


@compiled
def _pairs(
    words: IntArray, places: IntArray, shared: IntArray, nodes: IntArray, types: int
) -> tuple[IntArray, IntArray, IntArray, int]:
    offsets = np.zeros(len(nodes) + 1, np.int32)
    following, counts, n = np.empty(1024, np.int32), np.empty(1024, np.int32), 0
    count, latest, repeats = np.zeros(types, np.int32), np.empty(types, np.int32), np.empty(types, np.int32)
    seen = np.empty(types, np.int32)
    for node in range(len(nodes)):
        first, end, length = nodes[node]
        distinct = before = 0  # before: the number of the token before the context
        for at in range(first, end):
            before += at > first and shared[at] == length
            word = words[places[at]]
            if count[word] == 0:
                seen[distinct], latest[word] = word, -1
                distinct += 1
            if latest[word] != before:
                latest[word], repeats[word] = before, 0
            if repeats[word] < REPEATS:
                repeats[word] += 1
                count[word] += 1
        if n + distinct > len(following):
            more = 2 * (n + distinct)
            more_following, more_counts = np.empty(more, np.int32), np.empty(more, np.int32)
            more_following[:n], more_counts[:n] = following[:n], counts[:n]
            following, counts = more_following, more_counts
        for word in np.sort(seen[:distinct]):
            following[n], counts[n], count[word] = word, count[word], 0
            n += 1
        offsets[node + 1] = n
    return offsets, following, counts, n


@compiled
def first_places(words: IntArray, start: int) -> IntArray:
    """(V + 2,) for each token, how many tokens stand after one with a lower id; start marks are not counted."""
    first = np.zeros(start + 2, np.int32)
    for at in range(1, len(words)):
        if words[at] != start:
            first[words[at - 1] + 1] += 1
    for word in range(start + 1):
        first[word + 1] += first[word]
    return first


@compiled
def sums(offsets: IntArray, counts: IntArray, kinds: int) -> IntArray:
    """(F, kinds + 1) the sum of the counts of each node, and how many of them are 1, 2 ..., ``kinds`` or more."""
    found = np.zeros((len(offsets) - 1, kinds + 1), np.int32)
    for node in range(len(offsets) - 1):
        for i in range(offsets[node], offsets[node + 1]):
            found[node, 0] += counts[i]
            found[node, min(counts[i], kinds)] += 1
    return found
