"""An index of the contexts of a text: for every sequence of tokens, all places directly after it in the text.

The places of a text are sorted by the tokens before them, read backwards. So the places after the same last token
are side by side, among them those after the same last two tokens, and so on: a context of any length is a range of
places. Before each document stands a *start mark*, an additional token, at which its contexts end.

A context *branches* if different tokens precede it in the text. Only these contexts, which are the inner nodes of the
suffix tree of the reversed text, are needed to predict: a context whose length is between two of them has the same
places as the longer one. The branching contexts with ``FREQUENT`` places or more are *nodes*: the tokens that
followed them are counted once, and the counts are stored. For the others a look at fewer than ``FREQUENT`` places is
enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled
from lmcompare.counts.lookup.level import read_only
from lmcompare.counts.suffixes import building
from lmcompare.state import DamagedStateError, check_rising, offsets, whole
from lmcompare.tokens import Encoded, IntArray

KEY_BITS = 63
SHORT = 24  # up to this many suffixes, insertion sort is faster


def suffix_array(ids: IntArray, types: int) -> IntArray:
    """Return where the suffixes of a text begin, in ascending order.

    Parameters
    ----------
    ids : IntArray of shape (N,)
        The tokens, each from 0 to ``types`` - 1; N is below 2**31.
    types : int
        The number of types.

    Returns
    -------
    IntArray of shape (N,)
        The first positions as int32. A suffix that is the beginning of another one comes before it.
    """
    bits = max(1, types.bit_length())
    together = KEY_BITS // bits
    keys = np.empty(len(ids), np.uint64)
    _keys(ids, bits, together, keys)
    suffixes = np.argsort(keys).astype(np.int32)
    ranks, groups = np.empty(len(ids), np.int32), np.empty((len(ids) // 2, 2), np.int32)
    left = _equal_keys(keys, suffixes, ranks, groups)
    del keys
    while left:
        left = _refine(suffixes, ranks, groups, left, together)
        together *= 2
    return suffixes


@compiled
def _keys(ids: IntArray, bits: int, together: int, keys: npt.NDArray[np.uint64]) -> None:
    """Write the first ``together`` tokens of each suffix as one number; 0 stands for a place past the end."""
    key, width, last = np.uint64(0), np.uint64(bits), np.uint64(bits * (together - 1))
    for at in range(len(ids) - 1, -1, -1):
        key = (key >> width) | (np.uint64(ids[at] + 1) << last)
        keys[at] = key


@compiled
def _equal_keys(keys: npt.NDArray[np.uint64], suffixes: IntArray, ranks: IntArray, groups: IntArray) -> int:
    """Rank the suffixes by their keys; write the groups of equal suffixes, and return the number of groups.

    A group has the place of its first suffix and the place past its last one. A rank is the first place of a group.
    """
    left, first = 0, 0
    for place in range(1, len(suffixes) + 1):
        if place == len(suffixes) or keys[suffixes[place]] != keys[suffixes[first]]:
            for i in range(first, place):
                ranks[suffixes[i]] = first
            if place - first > 1:
                groups[left] = first, place
                left += 1
            first = place
    return left


@compiled
def _refine(suffixes: IntArray, ranks: IntArray, groups: IntArray, n_groups: int, together: int) -> int:
    """Sort each group of suffixes with the same first tokens by the tokens after these; return how many are left.

    The new groups replace the old ones. There is room for them, since each has two suffixes or more.
    """
    size, most = len(suffixes), 0
    for group in range(n_groups):
        most = max(most, groups[group, 1] - groups[group, 0])
    keys, moved = np.empty(most, np.int64), np.empty(most, np.int32)
    fresh, left = np.empty((len(groups), 2), np.int32), 0
    for group in range(n_groups):
        begin, end = groups[group]
        n = end - begin
        for i in range(n):
            later = suffixes[begin + i] + together
            keys[i] = ranks[later] if later < size else -1
        if n <= SHORT:
            for i in range(1, n):
                key, suffix, j = keys[i], suffixes[begin + i], i - 1
                while j >= 0 and keys[j] > key:
                    keys[j + 1], suffixes[begin + j + 1] = keys[j], suffixes[begin + j]
                    j -= 1
                keys[j + 1], suffixes[begin + j + 1] = key, suffix
        else:
            order = np.argsort(keys[:n])
            sorted_keys = keys[:n][order]
            for i in range(n):
                moved[i] = suffixes[begin + order[i]]
            for i in range(n):
                suffixes[begin + i], keys[i] = moved[i], sorted_keys[i]
        first = 0
        for i in range(1, n + 1):
            if i == n or keys[i] != keys[first]:
                for j in range(first, i):
                    ranks[suffixes[begin + j]] = begin + first
                if i - first > 1:
                    fresh[left] = begin + first, begin + i
                    left += 1
                first = i
    groups[:left] = fresh[:left]
    return left


KINDS = 4  # kinds of counts: 1, 2, 3, and 4 or more


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


STORED = ("words", "places", "nodes", "offsets", "following", "counts")


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
        places, shared = building.places(words, suffixes, types)
        del suffixes
        nodes = building.nodes(shared)
        pairs = building.pairs(words, places, shared, nodes, types)
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

    def places_after(self, passage: IntArray) -> IntArray:
        """Return the places directly after a passage of at least one token, in the order of the index."""
        from lmcompare.counts.suffixes.walking import search

        first, end = search(self.index, np.ascontiguousarray(passage, np.int32))
        return self.index.places[first:end]

    @cached_property
    def index(self) -> Index:
        """The stored arrays and those that are computed from them, read-only, for compiled loops."""
        words, places, nodes, begins, following, counts = (read_only(self.arrays[name]) for name in STORED)
        first = building.first_places(words, self.types)
        sums = building.sums(begins, counts, KINDS)
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
