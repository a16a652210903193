"""The n-grams of a text, counted in every order: how often each occurs and after how many words.

All positions of the text are kept sorted by the k-gram that ends there, so that the occurrences of each k-gram are
side by side: its *span*. Sorting each span by the word that follows gives the (k+1)-grams, numbered as the nodes of
``level``; most spans have only one or two positions, so that there is little to sort. Spans do not touch each
other: several threads can share them.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare import memory
from lmcompare.compiled import compiled, prefetch, share
from lmcompare.counts.table import NOTHING, find
from lmcompare.errors import temporary_room
from lmcompare.tokens import UNKNOWN_ID, Encoded, IntArray

Keys = npt.NDArray[np.uint64]

BLOCK = 2**20  # how many words or counts are read at a time
SHORT = 48  # up to this many keys, insertion sort is faster
WORD = np.uint64(32)  # bits by which a key shifts its word, above the 32 bits of its position
POSITION = np.uint64(0xFFFFFFFF)
BYTE = np.uint64(255)
SMALL = 2**16  # bytes up to which an array stays in memory
AHEAD = 32  # distant memory is prefetched this many steps before it is used


@dataclass(frozen=True)
class Room:
    """Where large arrays are made: in memory, or in files, whose used parts the system keeps in memory.

    The files are temporary and have no names: the system deletes them when their arrays are freed, and when the
    program ends, however it ends. Disk space is reserved before an array is used, so that a full disk gives an error
    message of one sentence.

    Parameters
    ----------
    limit : int, optional
        The bytes of memory that may be taken while a table is made; None for no limit, and so no files.
    """

    limit: int | None = None

    @classmethod
    def allowed(cls) -> Room:
        """Return the room that this process has now."""
        return cls(memory.left())

    def empty(self, size: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Return an array (size,) with arbitrary values, which the caller fills."""
        n_bytes = size * np.dtype(dtype).itemsize
        if self.limit is None or n_bytes <= SMALL:
            return np.empty(size, dtype)
        with temporary_room(), tempfile.TemporaryFile(buffering=0) as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, n_bytes)
            return np.asarray(np.memmap(file, dtype, "r+", shape=(size,)))


IN_MEMORY = Room()


def with_starts(text: Encoded, room: Room = IN_MEMORY) -> IntArray:
    """Return the (N + S,) int32 ids of a text with the word V, ``<s>``, before each of its S sentences."""
    given = (text.ids, text.starts, text.vocabulary.end, len(text.vocabulary))
    words: IntArray = room.empty(_put_starts(*given, np.empty(0, np.int32)), np.int32)
    _put_starts(*given, words)
    return words


def words_before(text: Encoded, at: IntArray) -> IntArray:
    """(B,) how many words come before each position in its sentence, ``<s>`` among them: 1 at its beginning."""
    begins = np.append(0, np.flatnonzero(text.ids == text.vocabulary.end) + 1)
    found: IntArray = 1 + at - np.maximum(text.context_starts(at), begins[np.searchsorted(begins, at, "right") - 1])
    return found


@dataclass(frozen=True, eq=False)
class Counts:
    """The n_k k-grams of one order in the training text.

    ``width``: V + 1. ``words``: (n_k,) int32, the last word of each. ``offsets``: (n_{k-1} + 1,) the k-grams of
    context node c are ``offsets[c]:offsets[c + 1]``, their words rising. ``shorter``: (n_k,) the node of the
    (k-1)-gram without the first word. ``raw``: (n_k,) how often the k-gram occurs. ``adjusted``: (n_k,) the
    count that the estimate is made from: the raw count, if k is the highest order or the k-gram begins with ``<s>``;
    else how many distinct words, ``<s>`` among them, come before it. ``statistics``: (4,) how many k-grams have the
    adjusted count 1, 2, 3, 4.
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


def count(words: IntArray, order: int, start: int, end: int, threads: int = 1) -> Iterator[Counts]:
    """Count the n-grams of a text and yield them order by order.

    Parameters
    ----------
    words : ndarray of shape (N + S,)
        The ids of sentences, each of which begins with ``<s>``. An n-gram has ``<s>`` only as its first word, and the
        unigram ``<s>`` has the count 0.
    order : int
        The longest n-grams, 1 or more.
    start, end : int
        The ids of ``<s>``, which is V, and of ``</s>``.
    threads : int
        How many parts of the text are sorted at a time; the counts do not depend on it.
    """
    words = np.ascontiguousarray(words, np.int32)
    width = start + 1
    latest = latest_grams(words, places(words, start, end), order)
    positions, begins = sort_by_word(words, width)
    nodes = words.copy()  # (N + S,) the node of the longest k-gram so far that ends at each position
    word: IntArray = np.arange(width, dtype=np.int32)
    shorter: IntArray = np.zeros(width, np.int32)
    offsets: IntArray = np.array([0, width], np.int32)
    raw: IntArray = np.diff(begins)
    raw[start] = 0
    first_initial = start  # the k-grams that begin with <s>, the greatest id, come after all others
    for k in range(1, order):
        last = int(nodes[latest[k - 1]]) if k <= len(latest) else None
        longer, positions, begins, children = extend(threads, words, start, positions, begins)
        longer_shorter = np.empty(len(longer), np.int32)
        numbered = (positions, begins, nodes, longer_shorter, k + 1 < order)
        share(threads, begins, partial(_number, *numbered))
        if k + 1 == order:
            del words, positions, nodes, numbered  # leaves their memory to the estimates
        adjusted = _occurrences(longer_shorter, len(word))
        adjusted[first_initial:] = raw[first_initial:]
        yield Counts(width, word, offsets, shorter, raw, adjusted, statistics(adjusted, raw, last))
        offsets = np.append(np.int32(0), np.cumsum(children, dtype=np.int32))
        del children, adjusted
        first_initial = int(offsets[first_initial])
        word, shorter, raw = longer, longer_shorter, np.diff(begins)
    del begins
    yield Counts(width, word, offsets, shorter, raw, raw, statistics(raw, raw))


def extend(
    threads: int, words: IntArray, start: int, positions: IntArray, begins: IntArray
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Sort the positions in each span by the next word, which gives the n-grams that are one word longer.

    Returns the last words of these n-grams, their sorted positions (written over the old ones), the beginnings of
    their spans with the end of the last span, and how many of them each context has.
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


def nodes_of(levels: Sequence[Counts], words: IntArray) -> list[IntArray]:
    """Return for each order, (N,), the node of the k-gram that ends at each word of a text; ``NOTHING`` if unseen.

    ``words``: (N,) the ids of sentences, each of which begins with ``<s>``.
    """
    nodes = [words]
    for level in levels[1:]:
        contexts = np.append(NOTHING, nodes[-1][:-1])[: len(words)]
        nodes.append(find(level.offsets, level.words, contexts, words))
    return nodes


def places(words: IntArray, start: int, end: int) -> IntArray:
    """(V + 1,) the ids that ``lmplz`` would give: ``<unk>``, ``<s>``, ``</s>``, then words by first appearance.

    Types that do not occur in the text come last, in the order of their ids.
    """
    appeared = np.arange(start + 1) + len(words)
    for block in reversed(range(0, len(words), BLOCK)):
        part = words[block : block + BLOCK][::-1]
        appeared[part] = np.arange(block + len(part), block, -1) - 1  # the first appearance is written last
    appeared[[UNKNOWN_ID, start, end]] = -3, -2, -1
    ranks = np.empty(start + 1, np.int64)
    ranks[np.argsort(appeared)] = np.arange(start + 1)
    return ranks


def latest_grams(words: IntArray, places: IntArray, order: int) -> list[int]:
    """Return a position where the last k-gram ends, for k = 1, 2 … below ``order``, as long as there is one.

    It is the last one in the order of ``lmplz``, which sorts by the last word first, and words by their places. In
    the counts of counts, ``lmplz`` takes its raw count, though it estimates the probability from the adjusted count.
    """
    start = len(places) - 1
    occurs = np.zeros(start + 1, np.bool_)
    for block in range(0, len(words), BLOCK):
        occurs[words[block : block + BLOCK]] = True
    occurs[start] = False
    if not occurs.any():
        return []
    last = np.where(occurs, places, -1).argmax()
    blocks = range(0, len(words), BLOCK)
    ends = np.concatenate([block + np.flatnonzero(words[block : block + BLOCK] == last) for block in blocks])
    latest = [int(ends[0])]
    for k in range(2, order):
        ends = ends[words[ends - (k - 2)] != start]  # nothing comes before <s>
        if not len(ends):
            break
        place = places[words[ends - (k - 1)]]
        ends = ends[place == place.max()]
        latest.append(int(ends[0]))
    return latest[: order - 1]


def statistics(adjusted: IntArray, raw: IntArray, last: int | None = None) -> IntArray:
    """(4,) how many adjusted counts are 1, 2, 3, 4; the node ``last`` is taken with its raw count."""
    n = np.zeros(6, np.int64)
    for block in range(0, len(adjusted), BLOCK):
        n += np.bincount(np.minimum(adjusted[block : block + BLOCK], 5), minlength=6)
    if last is not None:
        n[min(adjusted[last], 5)] -= 1
        n[min(raw[last], 5)] += 1
    return n[1:5]


@compiled
def _put_starts(ids: IntArray, starts: IntArray, end: int, start: int, words: IntArray) -> int:
    """Write the ids with ``start`` before each sentence into ``words``, unless it is empty; return their number."""
    size = document = 0
    opens, writes = False, len(words) > 0
    for at in range(len(ids)):
        while document < len(starts) and starts[document] <= at:
            opens = True
            document += 1
        if opens:
            if writes:
                words[size] = start
            size += 1
        if writes:
            words[size] = ids[at]
        size += 1
        opens = ids[at] == end
    return size


@compiled
def sort_by_word(words: IntArray, width: int) -> tuple[IntArray, IntArray]:
    """Return the positions (N,) sorted by word, and where the span of each word begins and the last span ends."""
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

    The results are written from ``begins[first]`` on, over entries that have been read. Returns where the
    positions and the n-grams end. ``keys`` and ``spare``: working memory for the longest span.
    """
    bits = 0
    while (start >> bits) > 0:
        bits += 1
    # the next words are read in a loop of their own: the processor then waits for many distant reads at a time
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
            word: Any = np.int64(keys[j] >> WORD)  # int() would leave it a uint64
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
    """Sort the first n keys by words of ``bits`` bits, equal words by position: by insertion, or byte by byte."""
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
def _number(
    positions: IntArray, begins: IntArray, nodes: IntArray, shorter: IntArray, renumber: bool, first: int, last: int
) -> None:
    """Write into ``shorter`` the nodes, without their first words, of the n-grams ``first`` to ``last`` - 1.

    Before, ``nodes`` has that node at the n-gram's positions; with ``renumber``, the n-gram's own node replaces it.
    """
    end = begins[last]
    for node in range(first, last):
        shorter[node] = nodes[positions[begins[node]]]
        for j in range(begins[node], begins[node + 1]):
            if j + AHEAD < end:
                prefetch(nodes, positions[j + AHEAD])
            if renumber:
                nodes[positions[j]] = node


@compiled
def _occurrences(nodes: IntArray, size: int) -> IntArray:
    """(size,) how often each node occurs in the array."""
    counts = np.zeros(size, np.int32)
    for i in range(len(nodes)):
        if i + AHEAD < len(nodes):
            prefetch(counts, nodes[i + AHEAD])
        counts[nodes[i]] += 1
    return counts
