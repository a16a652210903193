"""The n-grams of a long text, counted by compiled loops: the counts of ``counting``, in less time and room.

All positions of the text are kept sorted by the k-gram that ends there, so that the occurrences of each k-gram stand
side by side: its *span*. Sorting each span by the word that follows gives the (k+1)-grams, numbered as in
``backoff``; most spans hold a position or two, so that there is next to nothing to sort. Spans do not touch each
other: several threads can share them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled, share
from lmcompare.counts.counting.ngrams import Counts, latest_grams, places, statistics
from lmcompare.tokens import IntArray

Keys = npt.NDArray[np.uint64]

SHORT = 48  # up to here insertion is the faster sort
WORD = np.uint64(32)  # a key is a word above a position of so many bits
POSITION = np.uint64(0xFFFFFFFF)
BYTE = np.uint64(255)


def count(words: IntArray, order: int, start: int, end: int, unknown: int = 0, threads: int = 1) -> Iterator[Counts]:
    """Count the n-grams of a text and yield them order by order; parameters and figures are those of ``counting``."""
    words = np.ascontiguousarray(words, np.int32)
    width = start + 1
    latest = latest_grams(words, places(words, start, end, unknown), order)
    positions, begins = _sort_by_word(words, width)
    nodes = words.copy()  # (N + S,) the node of the longest k-gram so far that ends at each position
    word: IntArray = np.arange(width, dtype=np.int32)
    shorter: IntArray = np.zeros(width, np.int32)
    offsets: IntArray = np.array([0, width], np.int32)
    raw: IntArray = np.diff(begins)
    raw[start] = 0
    first_initial = start  # the k-grams that begin with <s>, the greatest id, stand after all others
    for k in range(1, order):
        last = int(nodes[latest[k - 1]]) if k <= len(latest) else None
        longer, positions, begins, children = _extend(threads, words, start, positions, begins)
        longer_shorter = np.empty(len(longer), np.int32)
        numbered = (positions, begins, nodes, longer_shorter, k + 1 < order)
        share(threads, begins, partial(_number, *numbered))
        if k + 1 == order:
            del words, positions, nodes, numbered  # the estimates can have their room
        adjusted = _occurrences(longer_shorter, len(word))
        adjusted[first_initial:] = raw[first_initial:]
        yield Counts(width, word, offsets, shorter, raw, adjusted, statistics(adjusted, raw, last))
        offsets = np.append(np.int32(0), np.cumsum(children, dtype=np.int32))
        del children, adjusted
        first_initial = int(offsets[first_initial])
        word, shorter, raw = longer, longer_shorter, np.diff(begins)
    del begins
    yield Counts(width, word, offsets, shorter, raw, raw, statistics(raw, raw))


def _extend(
    threads: int, words: IntArray, start: int, positions: IntArray, begins: IntArray
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Return the words of the longer n-grams, their sorted positions (written over the old ones), the beginnings of
    their spans with the end of the last, and how many of them each context has.
    """
    longer, longer_begins = np.empty(len(positions), np.int32), np.empty(len(positions) + 1, np.int32)
    children = np.empty(len(begins) - 1, np.int32)
    most = int(np.diff(begins).max(initial=0))

    def part(first: int, last: int) -> tuple[int, int, int]:
        keys, spare = np.empty(most, np.uint64), np.empty(most, np.uint64)
        arrays = (words, positions, begins, longer, longer_begins, children, keys, spare)
        return int(begins[first]), *_extend_part(first, last, start, *arrays)

    filled = made = 0
    for begin, position_end, gram_end in share(threads, begins, part):  # close the gaps between the parts
        n_positions, n_grams = position_end - begin, gram_end - begin
        positions[filled : filled + n_positions] = positions[begin:position_end]
        longer[made : made + n_grams] = longer[begin:gram_end]
        longer_begins[made : made + n_grams] = longer_begins[begin:gram_end] - (begin - filled)
        filled, made = filled + n_positions, made + n_grams
    longer_begins[made] = filled
    longer.resize(made, refcheck=False)
    longer_begins.resize(made + 1, refcheck=False)
    return longer, positions[:filled], longer_begins, children


@compiled
def _sort_by_word(words: IntArray, width: int) -> tuple[IntArray, IntArray]:
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
def _extend_part(
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
        keys[:n] = spare[:n]


@compiled
def _number(
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
def _occurrences(nodes: IntArray, size: int) -> IntArray:
    """(size,) how often each node stands in the array."""
    counts = np.zeros(size, np.int32)
    for node in nodes:
        counts[node] += 1
    return counts
