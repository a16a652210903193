"""Whole distributions of the next word after contexts of a back-off table, and the most likely words of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled
from lmcompare.counts.lookup.level import NATS, NOTHING, Level, read_only
from lmcompare.tokens import FloatArray, IntArray

Arrays = tuple[npt.NDArray[Any], ...]  # one an order

GROUP = 64  # children that are looked at together for whether one is likely enough
ROUNDING = 1e-4  # more than float32 changes a log10


class Distributions:
    """The arrays of the levels of one back-off table, as compiled loops take them.

    Contexts are an array (n - 1, B): the nodes of the last 1, 2 … n - 1 words before each of B positions.
    """

    def __init__(self, levels: Sequence[Level]) -> None:
        self._levels, self._size = levels, levels[0].width - 1
        self._unigrams = read_only(levels[0].log10_probs[: self._size])
        self._ranked = np.argsort(-self._unigrams, kind="stable").astype(np.int32)
        searches = [level.search for level in levels[1:]]
        probs = tuple(read_only(level.log10_probs) for level in levels[1:])
        self._arrays = tuple(offsets for offsets, _ in searches), tuple(words for _, words in searches), probs

    def rows(self, contexts: IntArray, dtype: npt.DTypeLike) -> FloatArray:
        """(B, V) nats: the distribution of the next word after each of B contexts.

        A row is the unigram row times the weight of all contexts, over which the words that were seen after the last
        word are written, then those seen after the last two, and so on.
        """
        weights, unigrams = self._weights(contexts), (self._unigrams.astype(np.float64) * NATS).astype(dtype)
        shifts = (weights[0] * NATS).astype(dtype)
        if not len(contexts):
            only: FloatArray = unigrams + shifts[:, None]
            return only
        contexts = np.ascontiguousarray(contexts, np.int32)
        rows = np.empty((contexts.shape[1], self._size), dtype)
        _fill(rows, contexts, weights, shifts, unigrams, *self._arrays)
        return rows

    def top_k(self, contexts: IntArray, k: int) -> tuple[IntArray, FloatArray]:
        """Return the most likely words after each context, without the whole distributions.

        Parameters
        ----------
        contexts : ndarray of shape (n - 1, B)
        k : int
            How many words, at most V.

        Returns
        -------
        ids, nats : ndarrays of shape (B, k)
            The most likely word first, equal ones by id.
        """
        size = contexts.shape[1]
        if not len(contexts):
            best = self._ranked[:k]
            return np.tile(best, (size, 1)), np.tile(self._unigrams[best].astype(np.float64) * NATS, (size, 1))
        contexts = np.ascontiguousarray(contexts, np.int32)
        ids, log10 = np.full((size, k), NOTHING, np.int32), np.full((size, k), -np.inf)
        _collect(contexts, self._weights(contexts), self._ranked, self._unigrams, *self._arrays, ids, log10)
        return ids, log10 * NATS

    def _weights(self, contexts: IntArray) -> FloatArray:
        """(n, B) log10: row k - 1 is the product of the weights of all contexts of k words and more."""
        weights = np.zeros((len(contexts) + 1, contexts.shape[1]))
        for k in range(len(contexts), 0, -1):
            weights[k - 1] = weights[k] + self._levels[k - 1].log10_backoff(contexts[k - 1])
        return weights


@compiled
def _fill(
    rows: FloatArray,
    contexts: IntArray,
    weights: FloatArray,
    shifts: FloatArray,
    unigrams: FloatArray,
    offsets: Arrays,
    words: Arrays,
    log10_probs: Arrays,
) -> None:
    """Write the unigrams into each row, and over them what is known of longer and longer contexts.

    Row by row, so that a row is still in the processor's cache when it is written over. ``contexts``: (n - 1, B);
    ``weights``: (n, B) log10; ``shifts``: (B,) nats, the weight of the unigrams, and
    ``unigrams``: (V,) nats, both of the type of the rows. ``offsets``, ``words`` and
    ``log10_probs``: of level 2, 3 … n, as in the functions below.
    """
    for i in range(len(rows)):
        row, shift = rows[i], shifts[i]
        for word in range(len(unigrams)):
            row[word] = unigrams[word] + shift
        for k in range(len(contexts)):
            context = contexts[k, i]
            if context != NOTHING:
                low, high, above = offsets[k][context], offsets[k][context + 1], weights[k + 1, i]
                after, log10 = words[k][low:high], log10_probs[k][low:high]
                for j in range(len(after)):
                    row[np.uint64(after[j])] = (log10[j] + above) * NATS


@compiled
def _collect(
    contexts: IntArray,
    weights: FloatArray,
    ranked: IntArray,
    unigrams: FloatArray,
    offsets: Arrays,
    words: Arrays,
    log10_probs: Arrays,
    ids: IntArray,
    log10: FloatArray,
) -> None:
    """Find the most likely words after each context, among those seen after its longest part first.

    Few words come in once some have: only those are searched for after the longer contexts, where they would have
    another probability. ``ranked``: (V,) the words, the most frequent first; none comes in after one that does not.
    """
    for i in range(len(ids)):
        best, scores, least = ids[i], log10[i], -np.inf
        for k in range(len(contexts) - 1, -1, -1):
            context = contexts[k, i]
            if context != NOTHING:
                low, high, above = offsets[k][context], offsets[k][context + 1], weights[k + 1, i]
                after, log10_after = words[k][low:high], log10_probs[k][low:high]
                for first in range(0, len(after), GROUP):
                    group, some = log10_after[first : first + GROUP], 0
                    bar = np.float32(least - above - ROUNDING)
                    for j in range(len(group)):  # which a processor does for many at once
                        some += group[j] >= bar
                    for j in range(len(group) if some else 0):
                        word, value = after[first + j], group[j] + above
                        if value >= least and not _follows(word, contexts[:, i], k + 1, offsets, words):
                            _insert(best, scores, word, value)
                            least = scores[-1]
        for word in ranked:
            value = unigrams[word] + weights[0, i]
            if value < least:
                break
            if not _follows(word, contexts[:, i], 0, offsets, words):
                _insert(best, scores, word, value)
                least = scores[-1]


@compiled
def _follows(word: int, contexts: IntArray, least: int, offsets: Arrays, words: Arrays) -> bool:
    """Return whether a word was seen after one of the contexts (n - 1,) from ``least`` on, the longer ones."""
    for k in range(least, len(contexts)):
        context = contexts[k]
        if context != NOTHING:
            low, high, level_words = offsets[k][context], offsets[k][context + 1], words[k]
            while low < high:  # they rise
                middle = (low + high) >> 1
                if level_words[middle] < word:
                    low = middle + 1
                else:
                    high = middle
            if low < offsets[k][context + 1] and level_words[low] == word:
                return True
    return False


@compiled
def _insert(ids: IntArray, log10: FloatArray, word: int, value: float) -> None:
    """Put a word among the most likely of one context, which are sorted, unless it is below them all."""
    place = len(ids)
    while place > 0 and (log10[place - 1] < value or (log10[place - 1] == value and ids[place - 1] > word)):
        place -= 1
    if place < len(ids):
        for other in range(len(ids) - 1, place, -1):
            ids[other] = ids[other - 1]
            log10[other] = log10[other - 1]
        ids[place] = word
        log10[place] = value
