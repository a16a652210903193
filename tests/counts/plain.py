"""Counting, estimating and looking up in plain numpy, to hold against the compiled loops."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from lmcompare.counts.counting.ngrams import Counts, latest_grams, places, statistics
from lmcompare.counts.lookup.level import NATS, NOTHING, BoolArray, Float32Array
from lmcompare.counts.lookup.table import BackoffTable, with_starts
from lmcompare.models.ngram.smoothing.kneser_ney import Discounts
from lmcompare.tokens import Encoded, FloatArray, IntArray


def count(words: IntArray, order: int, start: int, end: int) -> Iterator[Counts]:
    """Count the n-grams of a text by a sort an order."""
    width = start + 1
    words = words.astype(np.int64)
    keys, shorter, size = np.arange(width), np.zeros(width, np.int64), 1
    nodes, raw = words, np.bincount(words, minlength=width)
    raw[start] = 0
    first_initial = start  # the k-grams that begin with <s>, the greatest id, come after all others
    latest = latest_grams(words, places(words, start, end), order)
    for k in range(1, order + 1):
        context, word = keys // width, (keys % width).astype(np.int32)
        offsets = np.append(0, np.cumsum(np.bincount(context, minlength=size)))
        if k == order:
            yield Counts(width, word, offsets, shorter, raw, raw, statistics(raw, raw))
            return
        at = np.flatnonzero((nodes[:-1] != NOTHING) & (words[1:] != start)) + 1
        longer, node_at, longer_raw = np.unique(
            nodes[at - 1] * width + words[at], return_inverse=True, return_counts=True
        )
        longer_shorter = np.empty(len(longer), np.int64)
        longer_shorter[node_at] = nodes[at]
        adjusted = np.bincount(longer_shorter, minlength=len(keys))
        adjusted[first_initial:] = raw[first_initial:]
        last = nodes[latest[k - 1]] if k <= len(latest) else None
        yield Counts(width, word, offsets, shorter, raw, adjusted, statistics(adjusted, raw, last))
        first_initial = int(np.searchsorted(longer, first_initial * width))
        nodes = np.full(len(words), NOTHING, np.int64)
        nodes[at] = node_at
        size, keys, shorter, raw = len(keys), longer, longer_shorter, longer_raw


def interpolate(
    level: Counts, kept: BoolArray | None, discount: Discounts, lower: Float32Array
) -> tuple[Float32Array, Float32Array]:
    """Return the probabilities (n_k,) of one order and γ (n_{k-1},) of its contexts.

    ``lower``: (n_{k-1},) the probabilities of the order below. γ is 1 for a context that nothing was seen after: it
    leaves everything to the shorter one.
    """
    contexts, size = level.contexts, len(level.offsets) - 1
    total = np.bincount(contexts, weights=level.adjusted, minlength=size).astype(np.float32)
    counts = level.adjusted if kept is None else np.where(kept, level.adjusted, 0)
    gamma = np.zeros(size, np.float32)
    for j, amount in enumerate(discount.amounts, 1):
        with_count = (counts == j) if j < 3 else (counts >= 3)
        gamma += np.float32(amount) * np.bincount(contexts[with_count], minlength=size).astype(np.float32)
    if kept is not None:
        pruned = np.bincount(contexts, weights=level.adjusted - counts, minlength=size)
        gamma += pruned.astype(np.float32)
    gamma = np.divide(gamma, total, out=np.ones_like(gamma), where=total > 0)
    own = (level.adjusted.astype(np.float32) - discount.of(level.adjusted)) / total[contexts]
    return own + gamma[contexts] * lower[level.shorter], gamma


def find(offsets: IntArray, level_words: IntArray, contexts: IntArray, words: IntArray) -> IntArray:
    """(n,) the nodes of the k-grams of these context nodes and last words; ``NOTHING`` where there is none.

    All positions take each step of a binary search together.
    """
    inside = (contexts >= 0) & (contexts < len(offsets) - 1)
    context, size = np.where(inside, contexts, 0), len(level_words)
    nodes = np.full(context.shape, NOTHING, np.int64)
    if not size or len(offsets) < 2:
        return nodes
    low = np.where(inside, offsets[context], 0).clip(0, size).astype(np.int64)
    end = np.where(inside, offsets[context + 1], 0).clip(0, size).astype(np.int64)
    high = end
    while (low < high).any():
        middle = (low + high) >> 1
        below = (level_words[middle.clip(max=size - 1)] < words) & (low < high)
        low, high = np.where(below, middle + 1, low), np.where(below | (low >= high), high, middle)
    at = low.clip(max=size - 1)
    found = (low < end) & (level_words[at] == words)
    nodes[found] = at[found]
    return nodes


def score(table: BackoffTable, text: Encoded) -> FloatArray:
    """(N,) nats: the log-probability of each token, order by order over the whole text."""
    begins = text.sentence_starts()
    words = with_starts(text).astype(np.int64)
    nodes: IntArray = words
    scores = table.levels[0].log10_probs[words].astype(np.float64)
    for shorter, level in pairwise(table.levels):
        contexts = np.append(NOTHING, nodes[:-1])[: len(words)]
        scores = scores + shorter.log10_backoff(contexts)
        nodes = find(level.offsets, level.words, contexts, words)
        scores[nodes != NOTHING] = level.log10_probs[nodes[nodes != NOTHING]]
    assert len(begins) == (words == table.start).sum()
    nats: FloatArray = scores[words != table.start] * NATS
    return nats


def distributions(table: BackoffTable, contexts: IntArray, dtype: npt.DTypeLike = np.float64) -> FloatArray:
    """(B, V) nats: the distribution of the next word after each of B contexts (n - 1, B), order by order."""
    size = contexts.shape[1]
    weights = np.zeros((table.order, size))
    for k in range(table.order - 1, 0, -1):
        weights[k - 1] = weights[k] + table.levels[k - 1].log10_backoff(contexts[k - 1])
    unigrams = (table.levels[0].log10_probs[: table.start].astype(np.float64) * NATS).astype(dtype)
    rows: FloatArray = unigrams + (weights[0] * NATS).astype(dtype)[:, None]
    for level, nodes, weight in zip(table.levels[1:], contexts, weights[1:], strict=True):
        for row in np.flatnonzero(nodes != NOTHING):
            here = slice(level.offsets[nodes[row]], level.offsets[nodes[row] + 1])
            rows[row, level.words[here]] = (level.log10_probs[here] + weight[row]) * NATS
    return rows
