"""An index of the contexts of a text: for every sequence of tokens, all places directly after it in the text.

The places of a text are sorted by the tokens before them, read backwards. So the places after the same last token
are side by side, among them those after the same last two tokens, and so on: a context of any length is a range of
places. Before each document stands a *start mark*, an additional token, at which its contexts end.

A context *branches* if different tokens precede it in the text. Only these contexts, which are the inner nodes of the
suffix tree of the reversed text, are needed to predict: a context whose length is between two of them has the same
places as the longer one. The branching contexts with ``FREQUENT`` places or more are *nodes*: the tokens that
followed them are counted once, and the counts are stored. For the others a look at fewer than ``FREQUENT`` places is
enough.

The contexts of the index that end a passage are its *levels*: the branching contexts that the passage ends with, and
at the end, if it is longer than these, the longest context that occurs in the text. ``walk`` reads the passage
backwards, and each token narrows the range of places.

Compiled functions of this file become a part of the functions that call them from other files, and Numba keeps the
machine code of the callers on disk until the callers' files change: after a change here, delete ``__pycache__`` in
this folder and in ``models``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from lmcompare.compiled import compiled
from lmcompare.counts.table import place_of, read_only
from lmcompare.state import DamagedStateError, check_rising, offsets, whole
from lmcompare.tokens import Encoded, IntArray

KEY_BITS = 63
KINDS = 4  # kinds of counts: 1, 2, 3, and 4 or more
STORED = ("words", "places", "nodes", "offsets", "following", "counts")
FREQUENT = 128  # contexts with at least this many places have stored counts; others are counted anew each time
MOST_LEVELS = 60  # the most branching contexts of a passage; only degenerate texts ("a a a a ...") have more
FARTHEST = 1000  # tokens that are compared at most, so that a copy of a long document is read in linear time
FIRST, END, LENGTH, BRANCH, NODE = range(5)  # the columns of a level
ALONE = -1  # in column BRANCH: each place counts by itself
REPEATS = 2  # the most counts of the same preceding token; 1 in Kneser-Ney, but 2 saves bytes and characters 0.5 %


def suffix_array(ids: IntArray, types: int) -> IntArray:
    """(N,) int32: where the suffixes of a text begin, in ascending order, by prefix doubling (Manber and Myers 1993).

    ``ids``, (N,), are below ``types``. A suffix that is the beginning of another one comes before it.
    """
    bits, n = max(1, types.bit_length()), len(ids)
    together = KEY_BITS // bits  # tokens that suffixes have been sorted by
    padded = np.append(ids + 1, np.zeros(together, np.int64))  # 0 stands for a place past the end
    keys = np.zeros(n, np.int64)
    for at in range(together):
        keys = (keys << bits) | padded[at : at + n]
    suffixes, ranks, left = np.argsort(keys), np.empty(n, np.int64), np.arange(n)
    keys = keys[suffixes]
    while len(left):  # the places of suffixes that are equal to others so far; a rank is the first place of equals
        new = np.append(True, keys[1:] != keys[:-1])
        ranks[suffixes[left]] = left[np.maximum.accumulate(np.where(new, np.arange(len(left)), 0))]
        left = left[~(new & np.append(new[1:], True))]
        here = suffixes[left]
        keys = ranks[here] * (n + 1) + np.append(ranks + 1, 0)[np.minimum(here + together, n)]
        order = np.argsort(keys)
        suffixes[left], keys = here[order], keys[order]
        together *= 2
    return suffixes.astype(np.int32)


class Index(NamedTuple):
    """The arrays of a text's contexts, as compiled loops take them.

    Parameters
    ----------
    words : IntArray of shape (N + D,)
        The tokens of D documents, each document after a start mark, whose id is V.
    places : IntArray of shape (N,)
        The places in ``words`` of all tokens that are not start marks, sorted by the tokens before them.
    first : IntArray of shape (V + 2,)
        The places after the token t are ``places[first[t]:first[t + 1]]``.
    nodes : IntArray of shape (F, 3)
        The frequent branching contexts: the first place, the one past the last place, and the length in tokens. They
        are sorted by the first place, the longest range first; node 0 is the empty context.
    offsets : IntArray of shape (F + 1,)
        The pairs of node f and a token that followed it are ``offsets[f]:offsets[f + 1]``.
    following, counts : IntArray of shape (G,)
        The token of each pair, ascending within a node, and its count.
    sums : IntArray of shape (F, 5)
        For each node the sum of its counts, and how many of them are 1, 2, 3, and 4 or more.
    """

    words: IntArray
    places: IntArray
    first: IntArray
    nodes: IntArray
    offsets: IntArray
    following: IntArray
    counts: IntArray
    sums: IntArray


@dataclass(frozen=True, eq=False)
class Contexts:
    """The contexts of a text over V types.

    Parameters
    ----------
    arrays : mapping of str to IntArray
        The arrays of ``Index`` named in ``STORED``.
    types : int
        V.
    """

    arrays: Mapping[str, IntArray]
    types: int

    @classmethod
    def of(cls, text: Encoded) -> Contexts:
        """Return the contexts of a text of at least one token; making them takes 60 bytes of memory per token."""
        types = len(text.vocabulary)
        words = marked(text)
        suffixes = suffix_array(words[::-1], types + 1)
        places, shared = sorted_places(words, suffixes, types)
        del suffixes
        nodes = frequent_nodes(shared)
        pairs = node_pairs(words, places, shared, nodes, types)
        return cls(dict(zip(STORED, (words, places, nodes, *pairs), strict=True)), types)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, IntArray], types: int) -> Contexts:
        """Return the contexts of stored arrays. Raises ``DamagedStateError`` if they are not those of a text.

        The order of the places and nodes is not checked: a search among wrong ones stays within the arrays.
        """
        words = whole(arrays, "words", (None,), types + 1)
        places = whole(arrays, "places", (int(np.count_nonzero(words != types)),), len(words))
        if not len(places) or words[0] != types or np.any(words[places] == types):
            raise DamagedStateError("words and places are not those of a text")
        nodes = whole(arrays, "nodes", (None, 3), len(words) + 1)
        if not len(nodes) or np.any(nodes[:, 0] >= nodes[:, 1]):
            raise DamagedStateError("nodes has an empty range")
        following = whole(arrays, "following", (None,), types)
        check_rising("following", following, offsets(arrays, "offsets", len(nodes), len(following)))
        whole(arrays, "counts", following.shape, len(places) + 1, least=1)
        return cls({name: arrays[name] for name in STORED}, types)

    def __len__(self) -> int:
        """N, the number of tokens of the text."""
        return len(self.arrays["places"])

    @cached_property
    def index(self) -> Index:
        """The stored arrays and those that are computed from them, read-only, for compiled loops."""
        words, places, nodes, begins, following, counts = (read_only(self.arrays[name]) for name in STORED)
        first = first_places(words, self.types)
        sums = node_sums(begins, counts)
        return Index(words, places, read_only(first), nodes, begins, following, counts, read_only(sums))


def marked(text: Encoded) -> IntArray:
    """Return the (N + D,) int32 ids of a text with the start mark V before each of its documents; D is 1 or more."""
    starts = text.starts if len(text.starts) else np.zeros(1, np.int64)
    words: IntArray = np.insert(text.ids, starts, len(text.vocabulary)).astype(np.int32)
    return words


def marked_places(text: Encoded, at: IntArray) -> IntArray:
    """Return the (B,) places of B positions of a text, 0 to N, in ``marked(text)``."""
    places: IntArray = np.asarray(at, np.int64) + np.maximum(text.document_of(at), 0) + 1
    return places


@compiled
def sorted_places(words: IntArray, suffixes: IntArray, start: int) -> tuple[IntArray, IntArray]:
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


def frequent_nodes(shared: IntArray) -> IntArray:
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
    found, n = np.empty((size + 1, 3), np.int32), 0  # room for as many as there can be: memory that is not written
    firsts, lengths = np.empty(size + 1, np.int32), np.empty(size + 1, np.int32)  # to is not taken
    firsts[0] = lengths[0] = 0
    top = 0  # the empty context
    for at in range(1, size + 1):
        length = shared[at] if at < size else -1
        first = at - 1
        while top >= 0 and lengths[top] > length:
            first = firsts[top]
            if top < MOST_LEVELS and (at - first >= FREQUENT or top == 0):
                found[n, 0], found[n, 1], found[n, 2] = first, at, lengths[top]
                n += 1
            top -= 1
        if top >= 0 and lengths[top] < length:
            top += 1
            firsts[top], lengths[top] = first, length
    return found[:n].copy()


@compiled
def node_pairs(
    words: IntArray, places: IntArray, shared: IntArray, nodes: IntArray, types: int
) -> tuple[IntArray, IntArray, IntArray]:
    """Return the offsets (F + 1,), the following tokens and the counts (G,) of the nodes.

    A token counts once or twice (``REPEATS``) for each different token before the context. After a context that ends
    with a start mark, before which nothing can stand, it counts as often as it occurs.
    """
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
    return offsets, following[:n].copy(), counts[:n].copy()


def first_places(words: IntArray, start: int) -> IntArray:
    """(V + 2,) for each token, how many tokens stand after one with a lower id; start marks are not counted."""
    before = words[:-1][words[1:] != start]
    return np.append(0, np.cumsum(np.bincount(before, minlength=start + 1))).astype(np.int32)


def node_sums(offsets: IntArray, counts: IntArray) -> IntArray:
    """(F, 5) the sum of the counts of each node, and how many of them are 1, 2, 3, and 4 or more."""
    nodes, size = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)), len(offsets) - 1
    kinds = [np.bincount(nodes[np.minimum(counts, KINDS) == k], minlength=size) for k in range(1, KINDS + 1)]
    return np.stack([np.bincount(nodes, counts, size), *kinds], axis=1).astype(np.int32)


@compiled
def new_levels() -> IntArray:
    """Return the room (``MOST_LEVELS``, 5) that ``walk`` writes the levels of one passage into.

    A level has the first place and the one past the last place, the length of the context in tokens, the length at
    which its places begin to differ (``ALONE`` if nothing can stand before them), and its node or -1.
    """
    return np.empty((MOST_LEVELS, 5), np.int32)


@compiled
def new_room() -> IntArray:
    """Return the room in which ``follow`` counts the tokens that followed an infrequent context."""
    return np.empty((4, FREQUENT), np.int32)


@compiled
def back(place: int, length: int) -> int:
    """Return the place of the token before the last ``length`` ones; 0, a start mark, where no text is so long.

    In an index of a text the start marks stop every search; a stored index may not be that of a text.
    """
    return max(place - 1 - length, 0)


@compiled
def walk(index: Index, query: IntArray, at: int, levels: IntArray) -> int:
    """Write the levels before place ``at`` of ``query``, a text with start marks, and return how many there are."""
    words, places, first_places, nodes = index.words, index.places, index.first, index.nodes
    start = len(first_places) - 2
    first, end, length, n = 0, len(places), 0, 1
    levels[0, FIRST], levels[0, END], levels[0, LENGTH], levels[0, BRANCH], levels[0, NODE] = 0, end, 0, 0, 0
    while n < MOST_LEVELS and length < FARTHEST:
        token = query[at - 1 - length]
        if length == 0:
            first, end = first_places[token], first_places[token + 1]
        else:
            first, end = _range(words, places, first, end, length, token)
        if first == end:
            break
        length += 1
        one, other = places[first], places[end - 1]  # if these two share a token, all between them do
        node = _node(nodes, first, end) if end - first >= FREQUENT else -1
        branch, whole = nodes[node, 2] if node >= 0 else FARTHEST, token == start
        while not whole and length < min(branch, FARTHEST):
            token = words[back(one, length)]
            if (node < 0 and first + 1 < end and words[back(other, length)] != token) or (
                query[at - 1 - length] != token
            ):
                break
            length += 1
            whole = token == start
        if whole:
            branch = ALONE
        elif node < 0:
            branch = ALONE if first + 1 == end else _branch(words, one, other, length, start)
        levels[n, FIRST], levels[n, END], levels[n, LENGTH], levels[n, BRANCH] = first, end, length, branch
        levels[n, NODE] = node
        n += 1
        if branch != length:
            break
    return n


@compiled
def _range(words: IntArray, places: IntArray, first: int, end: int, length: int, token: int) -> tuple[int, int]:
    """Return the part of a range of places with ``token`` before the last ``length`` tokens."""
    low, high = first, end
    while low < high:
        middle = (low + high) >> 1
        if words[back(places[middle], length)] < token:
            low = middle + 1
        else:
            high = middle
    first, high = low, end
    while low < high:
        middle = (low + high) >> 1
        if words[back(places[middle], length)] <= token:
            low = middle + 1
        else:
            high = middle
    return first, low


@compiled
def _node(nodes: IntArray, first: int, end: int) -> int:
    """Return the node of a context with this range of places; the empty one, node 0, may have the same."""
    low, high = 1, len(nodes)
    while low < high:
        middle = (low + high) >> 1
        if nodes[middle, 0] < first or (nodes[middle, 0] == first and nodes[middle, 1] > end):
            low = middle + 1
        else:
            high = middle
    return min(low, len(nodes) - 1)


@compiled
def _branch(words: IntArray, one: int, other: int, length: int, start: int) -> int:
    """Return the length at which the contexts of two places begin to differ, ``ALONE`` if that is too far."""
    while length < FARTHEST:
        token = words[back(one, length)]
        if words[back(other, length)] != token:
            return length
        if token == start:
            break
        length += 1
    return ALONE


@compiled
def follow(index: Index, level: IntArray, room: IntArray) -> int:
    """Count the tokens that followed an infrequent context, and return the number of different tokens.

    The tokens, in order of their places, are ``room[0]``, and their counts, which are those of
    ``node_pairs``, ``room[1]``.
    """
    words, places, branch = index.words, index.places, level[BRANCH]
    tokens, counts, latest, repeats = room[0], room[1], room[2], room[3]
    distinct = before = 0  # before: the number of the token before the context
    token_before = -1
    for i in range(level[FIRST], level[END]):
        place = places[i]
        if branch == ALONE:
            before += 1
        elif words[back(place, branch)] != token_before:
            before, token_before = before + 1, words[back(place, branch)]
        word, j = words[place], 0
        while j < distinct and tokens[j] != word:
            j += 1
        if j == distinct:
            tokens[j], counts[j], latest[j], repeats[j] = word, 0, before, 0
            distinct += 1
        elif latest[j] != before:
            latest[j], repeats[j] = before, 0
        if repeats[j] < REPEATS:
            repeats[j] += 1
            counts[j] += 1
    return distinct


@compiled
def summed(index: Index, level: IntArray, room: IntArray, sums: IntArray) -> int:
    """Write the sum of the counts after a level, and how many are 1, 2, 3 and more, into ``sums``, (5,).

    Returns how many tokens ``follow`` has written into ``room``; -1 for a node.
    """
    if level[NODE] >= 0:
        for i in range(KINDS + 1):
            sums[i] = index.sums[level[NODE], i]
        return -1
    distinct = follow(index, level, room)
    for i in range(KINDS + 1):
        sums[i] = 0
    for j in range(distinct):
        sums[0] += room[1, j]
        sums[min(room[1, j], KINDS)] += 1
    return distinct


@compiled
def count_of(index: Index, level: IntArray, room: IntArray, distinct: int, word: int) -> int:
    """Return the count of a token after a level for which ``summed`` has returned ``distinct``."""
    if distinct >= 0:
        for j in range(distinct):
            if room[0, j] == word:
                of_room: int = room[1, j]
                return of_room
        return 0
    found = place_of(word, index.following, index.offsets[level[NODE]], index.offsets[level[NODE] + 1])
    count: int = index.counts[found] if found >= 0 else 0
    return count
