"""The compiled loops of counting: sort positions by the n-gram that ends there, and number the n-grams."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled
from lmcompare.tokens import IntArray

Keys = npt.NDArray[np.uint64]

SHORT = 48  # up to here insertion is the faster sort
WORD = np.uint64(32)  # a key is a word above a position of so many bits
POSITION = np.uint64(0xFFFFFFFF)
BYTE = np.uint64(255)


@compiled
def sort_by_word(words: IntArray, width: int) -> tuple[IntArray, IntArray]:
    """Return the positions (N,) sorted by word, and where the span of each word begins and the last ends."""
    begins = np.zeros(width + 1, np.int32)
    for word in words:
        begins[word + 1] += 1
    for word in range(width):
        begins[word + 1] += begins[word]
    put = begins[:-1].copy()
    positions = np.empty(len(words), np.int32)
    for at in range(len(words)):
        positions[put[words[at]]] = at
        put[words[at]] += 1
    return positions, begins


@compiled
def extend_part(
    first: int,
    last: int,
    start: int,
    words: IntArray,
    positions: IntArray,
    begins: IntArray,
    longer: IntArray,
    longer_begins: IntArray,
    children: IntArray,
    keys: Keys,
    spare: Keys,
) -> tuple[int, int]:
    """Sort the spans of the contexts ``first`` to ``last`` - 1 by the word that follows.

    What is made is written from ``begins[first]`` on, over what has been read. Returns where the
    positions and the n-grams end. ``keys`` and ``spare``: room for the longest span.
    """
    bits = 0
    while (start >> bits) > 0:
        bits += 1
    # all words that follow, in a loop of its own: the processor then waits for many far-off places at a time
    for j in range(begins[first], begins[last]):
        at = positions[j] + 1
        longer[j] = words[at] if at < len(words) else start
    put = int(begins[first])
    made = put
    for context in range(first, last):
        follow = 0
        for j in range(begins[context], begins[context + 1]):
            if longer[j] != start:
                keys[follow] = (np.uint64(longer[j]) << WORD) | np.uint64(positions[j] + 1)
                follow += 1
        if follow > 1:
            _sort_keys(keys, spare, follow, bits)
        before = -1
        distinct = 0
        for j in range(follow):
            word: Any = np.int64(keys[j] >> WORD)  # int() of a uint64 would be one
            positions[put] = np.int32(keys[j] & POSITION)
            if word != before:
                longer[made] = word
                longer_begins[made] = put
                made += 1
                distinct += 1
                before = word
            put += 1
        children[context] = distinct
    return put, made


@compiled
def _sort_keys(keys: Keys, spare: Keys, n: int, bits: int) -> None:
    """Sort the first n keys by words of ``bits`` bits, equal ones by position: by insertion, or byte by byte."""
    if n <= SHORT:
        for i in range(1, n):
            key = keys[i]
            j = i - 1
            while j >= 0 and keys[j] > key:
                keys[j + 1] = keys[j]
                j -= 1
            keys[j + 1] = key
        return
    put = np.empty(257, np.int64)
    source, target = keys, spare
    passes = (bits + 7) // 8
    for byte in range(passes):
        shift = WORD + np.uint64(8 * byte)
        put[:] = 0
        for i in range(n):
            put[np.int64((source[i] >> shift) & BYTE) + 1] += 1
        for lower in range(256):
            put[lower + 1] += put[lower]
        for i in range(n):
            digit = np.int64((source[i] >> shift) & BYTE)
            target[put[digit]] = source[i]
            put[digit] += 1
        source, target = target, source
    if passes % 2:
        for i in range(n):  # an assignment of slices takes Numba seconds to compile
            keys[i] = spare[i]


@compiled
def number(
    positions: IntArray, begins: IntArray, nodes: IntArray, shorter: IntArray, renumber: bool, first: int, last: int
) -> None:
    """Note for the n-grams ``first`` to ``last`` - 1 the node of each without its first word, which so far stands at
    its positions, and with ``renumber`` set their own node there.
    """
    for node in range(first, last):
        shorter[node] = nodes[positions[begins[node]]]
        if renumber:
            for j in range(begins[node], begins[node + 1]):
                nodes[positions[j]] = node


@compiled
def occurrences(nodes: IntArray, size: int) -> IntArray:
    """(size,) how often each node stands in the array."""
    counts = np.zeros(size, np.int32)
    for node in nodes:
        counts[node] += 1
    return counts
