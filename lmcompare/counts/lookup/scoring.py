"""Scoring text with a back-off table: one hash table an order, whose entries hold all that a look-up needs.

An entry has 16 bytes: a key, the log10 probability and the log10 back-off weight. The key of a k-gram is the entry of
its context, the first k - 1 words, in the table of the order below, and its last word. So looking an n-gram up reads
one line of memory, as in KenLM's probing table, and the comparison is exact. Four entries are a bucket of 64 bytes,
a cache line. An n-gram after which nothing was seen is marked: no longer one is looked for.

A block of tokens is looked up order by order; first all lines of an order are asked for, then they are read. Only the
n-grams whose context was found are looked up: about two a token.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from lmcompare.counts.lookup import scoring_compiled as loops
from lmcompare.counts.lookup.level import Level, read_only
from lmcompare.tokens import Encoded, FloatArray

FULL = 0.6  # of the entries are used, at most
LINE = 64  # bytes of a bucket


class Scorer:
    """The hash tables of the levels of one back-off table."""

    def __init__(self, levels: Sequence[Level]) -> None:
        self._start = levels[0].width - 1
        self._unigrams = np.zeros(2 * len(levels[0]), np.float32)  # probability and weight in turns
        self._unigrams[::2] = levels[0].log10_probs
        self._unigrams[1 : 2 * len(levels[0].log10_backoffs) : 2] = levels[0].log10_backoffs
        buckets = [int(len(level) / FULL / loops.ENTRIES) + 1 for level in levels[1:]]
        firsts = np.cumsum([0, *buckets])[:-1] * loops.ENTRIES
        memory = _aligned(sum(buckets) * LINE)
        keys, floats = memory.view(np.uint64), memory.view(np.float32)
        keys[:] = loops.FREE
        self._tables = keys, floats, firsts[: len(buckets)].astype(np.uint64), np.array(buckets, np.uint64)
        longer_levels = [*levels[2:], None][: len(levels) - 1]
        entries = np.arange(len(levels[0]), dtype=np.uint32)
        for level, longer, first, size in zip(levels[1:], longer_levels, *self._tables[2:], strict=True):
            parents, entries = entries, np.empty(len(level), np.uint32)
            continued = np.zeros(0, np.bool_) if longer is None else np.diff(longer.offsets) > 0
            numbers = read_only(level.log10_probs), read_only(level.log10_backoffs)
            loops.enter(*level.search, *numbers, continued, parents, keys, floats, first, size, entries)

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
            loops.score(
                text.ids,
                text.starts,
                int(np.searchsorted(text.starts, begin)),
                begin,
                end,
                text.vocabulary.end,
                self._start,
                self._unigrams,
                *self._tables,
                scores,
            )

        cuts = np.linspace(0, len(text), threads + 1).astype(int).tolist()
        if threads == 1:
            part(*cuts)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(part, cuts[:-1], cuts[1:]))
        return scores


def _aligned(size: int) -> npt.NDArray[np.uint8]:
    """Return so many bytes of memory that begin at a cache line."""
    memory = np.empty(size + LINE, np.uint8)
    begin = -memory.ctypes.data % LINE
    return memory[begin : begin + size]
