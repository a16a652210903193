"""Scoring text with a back-off table: a hash table for each order, whose entries hold all that a look-up needs.

An entry has 16 bytes: a key, the log10 probability and the log10 back-off weight. The key of a k-gram is the entry of
its context, the first k - 1 words, in the table of the order below, and its last word. So looking an n-gram up reads
one line of memory, as in KenLM's probing table, and the comparison is exact. Four entries are a bucket of 64 bytes,
a cache line. An n-gram after which nothing was seen is marked, so that longer n-grams are not looked up.

A block of tokens is looked up order by order: first all memory lines of an order are prefetched, then they are read.
Only the n-grams whose context was found are looked up: about two for each token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled, prefetch, share
from lmcompare.counts.level import NATS, BoolArray, Float32Array, Level, read_only
from lmcompare.tokens import Encoded, FloatArray, IntArray

Keys = npt.NDArray[np.uint64]

FULL = 0.6  # the greatest share of entries in use
LINE = 64  # bytes of a bucket
ENTRIES = 4  # entries of a bucket: a cache line of 64 bytes
MOST_ENTRIES = 2**32  # a key has 32 bits for the number of an entry
BLOCK = 256  # tokens that are scored together: their entries fit into the processor's first or second cache
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio (Knuth 1973, section 6.4)
UPPER = np.uint64(32)
ONE, TWO, THREE, FOUR, SIX = (np.uint64(n) for n in (1, 2, 3, 4, 6))
KEY = np.uint64(0xFFFFFFFF3FFFFFFF)  # the bits of a key: 32 for the context, 30 for the word
FREE = KEY  # the key of an entry that is not used
SPILLED = np.uint64(0x80000000)  # marks the last entry of a bucket that was full: some n-grams went into the next one
FINAL = np.uint64(0x40000000)  # marks an n-gram after which nothing was seen, and whose back-off weight is 1


class Tables(NamedTuple):
    """The hash tables of the orders from 2 on, one after the other in the same memory.

    ``keys``: (2 E,) the memory of E entries as 64-bit numbers; an entry's key is the first of its two. ``floats``:
    (4 E,) the same memory as float32; an entry's third and fourth are its probability and its weight. ``firsts``
    and ``buckets``: (n - 1,) the first entry and the number of buckets of each order.
    """

    keys: Keys
    floats: Float32Array
    firsts: Keys
    buckets: Keys


class Queries(NamedTuple):
    """The n-grams of one order that are looked up for a block of tokens, and working memory; each (``BLOCK``,).

    ``where``: the tokens at which they end. ``query``: their keys. ``weight``: the weights of their contexts.
    ``entry``: where they were found. ``hits`` and ``misses``: which were found, and which were not.
    """

    where: IntArray
    query: Keys
    weight: Float32Array
    entry: IntArray
    hits: IntArray
    misses: IntArray


class Scorer:
    """The hash tables of the levels of one back-off table."""

    def __init__(self, levels: Sequence[Level]) -> None:
        self._start = levels[0].width - 1
        self._unigrams = np.zeros(2 * len(levels[0]), np.float32)  # probability and weight of each word in turn
        self._unigrams[::2] = levels[0].log10_probs
        self._unigrams[1 : 2 * len(levels[0].log10_backoffs) : 2] = levels[0].log10_backoffs
        buckets = _buckets(levels)
        firsts = np.cumsum([0, *buckets])[:-1] * ENTRIES
        memory = _aligned(sum(buckets) * LINE)
        keys, floats = memory.view(np.uint64), memory.view(np.float32)
        keys[:] = FREE
        self._tables = Tables(keys, floats, firsts[: len(buckets)].astype(np.uint64), np.array(buckets, np.uint64))
        longer_levels = [*levels[2:], None][: len(levels) - 1]
        entries = np.arange(len(levels[0]), dtype=np.uint32)
        for level, longer, first, size in zip(levels[1:], longer_levels, *self._tables[2:], strict=True):
            parents, entries = entries, np.empty(len(level), np.uint32)
            continued = np.zeros(0, np.bool_) if longer is None else np.diff(longer.offsets) > 0
            numbers = read_only(level.log10_probs), read_only(level.log10_backoffs)
            _enter(*level.search, *numbers, continued, parents, keys, floats, first, size, entries)

    @staticmethod
    def fits(levels: Sequence[Level], limit: int | None) -> bool:
        """Return whether the hash tables of these levels can be made, and fit into ``limit`` bytes of memory."""
        buckets = sum(_buckets(levels))
        fits = limit is None or buckets * LINE + 8 * len(levels[0]) <= limit
        return fits and buckets * ENTRIES <= MOST_ENTRIES

    def score(self, text: Encoded, threads: int = 1) -> FloatArray:
        """Return the log-probability of each token.

        Parameters
        ----------
        text : Encoded
            N tokens.
        threads : int
            How many parts of the text are scored at a time; the figures do not depend on it.

        Returns
        -------
        ndarray of shape (N,)
            float64, nats.
        """
        scores = np.empty(len(text))

        def part(begin: int, end: int) -> None:
            document = int(np.searchsorted(text.starts, begin))
            known = (text.vocabulary.end, self._start, self._unigrams, self._tables)
            _score(text.ids, text.starts, document, begin, end, *known, scores)

        share(threads, np.arange(len(text) + 1), part)
        return scores


def _buckets(levels: Sequence[Level]) -> list[int]:
    """Return the number of buckets of each order from 2 on."""
    return [int(len(level) / FULL / ENTRIES) + 1 for level in levels[1:]]


def _aligned(size: int) -> npt.NDArray[np.uint8]:
    """Return ``size`` bytes of memory that begin at a cache line."""
    memory = np.empty(size + LINE, np.uint8)
    begin = -memory.ctypes.data % LINE
    return memory[begin : begin + size]


@compiled
def _home(key: np.uint64, first: np.uint64, buckets: np.uint64) -> Any:
    """Return the first entry of the bucket that a key belongs to; the entries of its order begin at ``first``."""
    return first + (((((key * MULTIPLIER) >> UPPER) * buckets) >> UPPER) << TWO)


@compiled
def _next(entry: np.uint64, first: np.uint64, buckets: np.uint64) -> Any:
    """Return the entry after this one; after the last one of an order, its first."""
    return entry + ONE if entry + ONE < first + (buckets << TWO) else first


@compiled
def _enter(
    offsets: IntArray,
    words: IntArray,
    log10_probs: Float32Array,
    log10_backoffs: Float32Array,
    continued: BoolArray,
    parents: IntArray,
    keys: Keys,
    floats: Float32Array,
    first: np.uint64,
    buckets: np.uint64,
    entries: IntArray,
) -> None:
    """Enter the k-grams of one order into its table.

    ``parents``: (n_{k-1},) the entry of each context. ``continued``: (n_k,) whether anything was seen after each
    k-gram; empty, like ``log10_backoffs``, at the highest order. ``entries``: (n_k,) gets the entry of each k-gram.
    """
    block = np.empty(BLOCK, np.uint64)
    context, inner = 0, len(continued) > 0
    for begin in range(0, len(words), BLOCK):
        count = min(BLOCK, len(words) - begin)
        for j in range(count):
            while offsets[context + 1] <= begin + j:
                context += 1
            block[j] = (np.uint64(parents[context]) << UPPER) | np.uint64(words[begin + j])
            prefetch(keys, _home(block[j], first, buckets) << ONE)
        for j in range(count):
            entry, node, mark = _home(block[j], first, buckets), begin + j, np.uint64(0)
            while keys[entry << ONE] & KEY != FREE:
                if entry & THREE == THREE:
                    keys[entry << ONE] |= SPILLED
                entry = _next(entry, first, buckets)
            at = entry << TWO
            floats[at + TWO] = log10_probs[node]
            if inner:
                floats[at + THREE] = log10_backoffs[node]
                if not continued[node] and log10_backoffs[node] == 0:
                    mark = FINAL
            keys[entry << ONE] = block[j] | mark
            entries[node] = entry


@compiled
def _score(
    ids: IntArray,
    starts: IntArray,
    document: int,
    begin: int,
    end: int,
    end_id: int,
    start: int,
    unigrams: Float32Array,
    tables: Tables,
    scores: FloatArray,
) -> None:
    """Write the nats of the tokens ``begin`` to ``end`` - 1; ``document``: the first that starts from ``begin`` on.

    A block begins a few tokens early, so that the contexts of its first tokens are found.
    """
    orders = len(tables.firsts)
    early = max(orders - 1, 0)
    words, opens, log10 = np.empty(BLOCK, np.int32), np.empty(BLOCK + 1, np.bool_), np.empty(BLOCK)
    where, query, weight = np.empty(BLOCK, np.uint32), np.empty(BLOCK, np.uint64), np.empty(BLOCK, np.float32)
    entry, hits, misses = np.empty(BLOCK, np.uint32), np.empty(BLOCK, np.uint32), np.empty(BLOCK, np.uint32)
    queries = Queries(where, query, weight, entry, hits, misses)
    for block in range(begin, end, BLOCK - early):
        first, last = max(block - early, 0), min(block + BLOCK - early, end)
        m = last - first
        for i in range(m):
            opens[i] = False
        while document > 0 and starts[document - 1] >= first:
            document -= 1
        while document < len(starts) and starts[document] < first:
            document += 1
        while document < len(starts) and starts[document] < last:
            opens[starts[document] - first] = True
            document += 1
        opens[m] = True  # nothing is looked up beyond the block
        for i in range(m):
            word, before = np.uint64(ids[first + i]), ids[max(first + i - 1, 0)]
            opens[i] |= before == end_id
            context = np.uint64(start if opens[i] else before)
            words[i] = word
            log10[i] = unigrams[word << ONE]
            where[i] = i
            query[i] = (context << UPPER) | word
            weight[i] = unigrams[(context << ONE) + ONE]
        for k in range(orders):  # the n-grams of k + 2 words
            found = _look(m, queries, tables, k, log10)
            m = _follow(found, queries, words, opens, tables) if k + 1 < orders else 0
        for i in range(block, last):
            scores[i] = log10[i - first] * NATS


@compiled
def _look(m: int, queries: Queries, tables: Tables, k: int, log10: FloatArray) -> int:
    """Look the first m queries up, n-grams of k + 2 words.

    The probability of an n-gram that is found goes into ``log10``; otherwise the weight of its context is added
    there. No branch depends on the outcome, so that the processor can fetch many entries at the same time.
    """
    where, query, weight, entry, hits, misses = queries
    keys, floats, first, buckets = tables.keys, tables.floats, tables.firsts[k], tables.buckets[k]
    for j in range(m):
        home = _home(query[j], first, buckets)
        entry[j] = home
        prefetch(keys, home << ONE)
    found = missed = 0
    for j in range(m):
        key, home = query[j], np.uint64(entry[j])
        at = home << ONE
        second, third = keys[at + TWO] & KEY == key, keys[at + FOUR] & KEY == key
        fourth = keys[at + SIX] & KEY == key
        hit = (keys[at] & KEY == key) | second | third | fourth
        entry[j] = home + (np.uint64(second) + TWO * np.uint64(third) + THREE * np.uint64(fourth))
        hits[found] = j
        found += hit
        misses[missed] = j
        missed += not hit
    for m in range(missed):
        j = misses[m]
        key, place = query[j], np.uint64(entry[j])
        spilled = False
        if keys[(place << ONE) + SIX] & SPILLED:
            place = _next(place + THREE, first, buckets)
            while keys[place << ONE] & KEY != key and keys[place << ONE] & KEY != FREE:
                place = _next(place, first, buckets)
            spilled = bool(keys[place << ONE] & KEY == key)
        if spilled:
            entry[j] = place
            hits[found] = j
            found += 1
        else:
            log10[where[j]] += weight[j]
    for m in range(found):
        place = np.uint64(entry[hits[m]])
        log10[where[hits[m]]] = floats[(place << TWO) + TWO]
    return found


@compiled
def _follow(found: int, queries: Queries, words: IntArray, opens: BoolArray, tables: Tables) -> int:
    """Write the queries for the n-grams that are one word longer than those found; return their number."""
    where, query, weight, entry, hits, misses = queries
    keys, floats = tables.keys, tables.floats
    m = 0
    for h in range(found):
        after, context = np.uint64(where[hits[h]]) + ONE, np.uint64(entry[hits[h]])
        hits[m] = after
        misses[m] = context
        m += (keys[context << ONE] & FINAL == 0) & (not opens[after])
    for j in range(m):
        context, after = np.uint64(misses[j]), np.uint64(hits[j])
        where[j] = after
        query[j] = (context << UPPER) | np.uint64(words[after])
        weight[j] = floats[(context << TWO) + THREE]
    return m
