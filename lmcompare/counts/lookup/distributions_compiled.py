"""Compiled loops that write whole distributions, and that find the most likely words without them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled
from lmcompare.counts.lookup.level import NATS, NOTHING
from lmcompare.tokens import FloatArray, IntArray

Arrays = tuple[npt.NDArray[Any], ...]  # one an order

GROUP = 64  # children that are looked at together for whether one is likely enough
ROUNDING = 1e-4  # more than float32 changes a log10


@compiled
def fill(
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
def collect(
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
