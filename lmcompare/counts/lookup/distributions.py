"""Whole distributions of the next word after contexts of a back-off table, and the most likely words of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lmcompare.counts.lookup import distributions_compiled as loops
from lmcompare.counts.lookup.level import NATS, NOTHING, Level, read_only
from lmcompare.tokens import FloatArray, IntArray


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
        loops.fill(rows, contexts, weights, shifts, unigrams, *self._arrays)
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
        loops.collect(contexts, self._weights(contexts), self._ranked, self._unigrams, *self._arrays, ids, log10)
        return ids, log10 * NATS

    def _weights(self, contexts: IntArray) -> FloatArray:
        """(n, B) log10: row k - 1 is the product of the weights of all contexts of k words and more."""
        weights = np.zeros((len(contexts) + 1, contexts.shape[1]))
        for k in range(len(contexts), 0, -1):
            weights[k - 1] = weights[k] + self._levels[k - 1].log10_backoff(contexts[k - 1])
        return weights
