"""The contexts of an index that end a passage, from the empty one to the longest, and the tokens that followed them.

These *levels* are the branching contexts that the passage ends with, and at the end, if it is longer than these, the
longest context that occurs in the text. The passage is read backwards, and each token narrows the range of places.
"""

from __future__ import annotations

import numpy as np

from lmcompare.compiled import compiled
from lmcompare.counts.level import place_of
from lmcompare.counts.suffixes import FREQUENT, KINDS, MOST_LEVELS, REPEATS, Index
from lmcompare.tokens import IntArray

FARTHEST = 1000  # tokens that are compared at most, so that a copy of a long document is read in linear time
FIRST, END, LENGTH, BRANCH, NODE = range(5)  # the columns of a level
ALONE = -1  # in column BRANCH: each place counts by itself


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
def search(index: Index, passage: IntArray) -> tuple[int, int]:
    """Return the range of places after a passage of at least one token, first and past the last."""
    last = passage[len(passage) - 1]
    first, end = index.first[last], index.first[last + 1]
    for length in range(1, len(passage)):
        if first < end:
            first, end = _range(index.words, index.places, first, end, length, passage[len(passage) - 1 - length])
    return first, end


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
    ``suffixes.node_pairs``, ``room[1]``.
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
