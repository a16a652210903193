"""The suffix array of a text: where each of its suffixes begins, in the order of the suffixes.

The suffixes are sorted by as many first tokens as fit into 63 bits. Suffixes that are still equal are sorted by
prefix doubling: two suffixes with the same first h tokens are ordered by the ranks of the suffixes h tokens later, so
that they are sorted by their first 2 h tokens (Manber and Myers, *Suffix arrays*, 1993; group by group as in Larsson
and Sadakane, *Faster suffix sorting*, 2007).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled
from lmcompare.tokens import IntArray

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
