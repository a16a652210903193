"""Interpolated modified Kneser-Ney smoothing (Chen and Goodman 1999), as KenLM's ``lmplz`` reads it.

Three steps, each over whole arrays: count the n-grams of every order, work the discounts out of the counts of
counts, and interpolate from the unigrams up. Nodes and keys are those of ``backoff``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmcompare.model import FloatArray
from lmcompare.models.backoff import NOTHING, BackoffTable, Level
from lmcompare.tokens import IntArray

FALLBACK = (0.5, 1.0, 1.5)


@dataclass(frozen=True, eq=False)
class Counts:
    """The n_k k-grams of one order of train.

    ``keys``: (n_k,) int64, rising: context node times (V + 1) plus word. ``shorter``: (n_k,) the node of the
    (k-1)-gram without the first word. ``adjusted``: (n_k,) int64, what the estimate is made from: how often the
    k-gram stands in train, if k is the highest order or it begins with ``<s>``; else how many distinct words,
    ``<s>`` among them, stand before it. ``statistics``: (4,) how many k-grams have the adjusted count 1, 2, 3, 4.
    """

    keys: IntArray
    shorter: IntArray
    adjusted: IntArray
    statistics: IntArray


@dataclass(frozen=True)
class Discounts:
    """What one order takes off the counts 1, 2, and 3 or more. ``reason``: why they are the fixed ones, or ""."""

    amounts: tuple[float, float, float]
    reason: str = ""

    def of(self, counts: IntArray) -> FloatArray:
        """Return the discount of each count, 0 for the count 0."""
        discount: FloatArray = np.array([0.0, *self.amounts])[counts.clip(max=3)]
        return discount


def count(words: IntArray, order: int, start: int, end: int) -> list[Counts]:
    """Count the n-grams of order 1 to ``order``.

    Parameters: ``words``, (N + S,) int64, sentences that each begin with ``<s>``; ``start``, V, the id of ``<s>``;
    ``end``, the id of ``</s>``. No n-gram holds ``<s>`` but as its first word, and its unigram has the count 0.
    """
    width = start + 1
    keys, shorter = np.arange(width, dtype=np.int64), np.zeros(width, np.int64)
    nodes, raw, initial = words, np.bincount(words, minlength=width), keys == start
    raw[start] = 0
    latest = _LatestGram(words, start, end)
    levels = []
    for _ in range(1, order):
        at = np.flatnonzero((nodes[:-1] != NOTHING) & (words[1:] != start)) + 1
        longer, node_at, longer_raw = np.unique(
            nodes[at - 1] * width + words[at], return_inverse=True, return_counts=True
        )
        longer_shorter = np.empty(len(longer), np.int64)
        longer_shorter[node_at] = nodes[at]
        adjusted = np.where(initial, raw, np.bincount(longer_shorter, minlength=len(keys)))
        levels.append(Counts(keys, shorter, adjusted, _statistics(latest.with_raw_count(adjusted, raw, nodes))))
        nodes = np.full(len(words), NOTHING, np.int64)
        nodes[at] = node_at
        keys, shorter, raw, initial = longer, longer_shorter, longer_raw, initial[longer // width]
    return [*levels, Counts(keys, shorter, raw, _statistics(raw))]


def discounts(statistics: IntArray) -> Discounts:
    """Return the discounts of one order, Chen and Goodman's equation 26.

    They are the fixed 0.5, 1 and 1.5, with the reason, where the equation has no answer: no n-gram with the count
    1, 2 or 3, or a discount below 0 or above the count that it is taken off.
    """
    n = [float(x) for x in statistics]
    for j in (1, 2, 3):
        if not n[j - 1]:
            return Discounts(FALLBACK, f"none has the count {j}")
    y = n[0] / (n[0] + 2 * n[1])
    d1, d2, d3 = (j - (j + 1) * y * n[j] / n[j - 1] for j in (1, 2, 3))
    for j, d in enumerate((d1, d2, d3), 1):
        if not 0 <= d <= j:
            return Discounts(FALLBACK, f"the discount of the count {j} would be {d:.3g}")
    return Discounts((d1, d2, d3))


def estimate(levels: Sequence[Counts], by_order: Sequence[Discounts], start: int) -> BackoffTable:
    """Interpolate from the unigrams up.

    ``p(w | h) = (c(hw) - D(c(hw))) / c(h·) + γ(h) p(w | h')`` with ``γ(h) = Σ_w D(c(hw)) / c(h·)``, where h' is h
    without its first word. Unigrams are interpolated with the uniform distribution over the V words, ``<unk>``
    included, whether train holds them or not.
    """
    width = start + 1
    probabilities = np.full(width, 1.0 / start)
    log_backoffs: list[FloatArray] = []
    table = []
    for k, (level, discount) in enumerate(zip(levels, by_order, strict=True), 1):
        contexts = level.keys // width
        n_contexts = len(levels[k - 2].keys) if k > 1 else 1
        taken = discount.of(level.adjusted)
        total = np.bincount(contexts, weights=level.adjusted, minlength=n_contexts)
        seen = total > 0
        # a context that nothing was seen after leaves everything to the shorter one
        gamma = np.divide(
            np.bincount(contexts, weights=taken, minlength=n_contexts), total, out=np.ones(n_contexts), where=seen
        )
        lower = probabilities[level.shorter]
        probabilities = (level.adjusted - taken) / total[contexts] + gamma[contexts] * lower
        if k == 1:
            probabilities[start] = 0.0
        with np.errstate(divide="ignore"):  # <s> is never predicted, and a discount may be exactly 0
            log_backoffs.append(np.log(gamma))
            log_probs = np.log(probabilities)
        offsets = np.append(0, np.cumsum(np.bincount(contexts, minlength=n_contexts)))
        table.append((np.asarray(level.keys % width, np.int32), offsets, level.adjusted, log_probs))
    weights = [*log_backoffs[1:], np.zeros(0)]  # the first is that of the empty context, already in the unigrams
    return BackoffTable(tuple(Level(width, *arrays, w) for arrays, w in zip(table, weights, strict=True)))


def _statistics(counts: IntArray) -> IntArray:
    return np.bincount(counts.clip(max=5), minlength=6)[1:5]


class _LatestGram:
    """The last k-gram of each order k in the order that ``lmplz`` sorts by: last word first, ids by first appearance.

    It enters the counts of counts with its raw count there, though its probability is estimated from the adjusted
    one. Asked for the orders 1, 2, 3 … in turn.
    """

    def __init__(self, words: IntArray, start: int, end: int) -> None:
        self._words = words
        self._appeared = np.zeros(start + 1, np.int64)
        self._appeared[words[::-1]] = np.arange(len(words))[::-1]  # the first appearance is written last
        self._appeared[[start, end]] = -1  # both have ids below those of all words
        self._ends = np.flatnonzero(words != start)  # where the last k-gram ends, all its occurrences
        self._k = 0

    def with_raw_count(self, adjusted: IntArray, raw: IntArray, nodes: IntArray) -> IntArray:
        """Return the adjusted counts of the next order, the last k-gram's replaced by its raw one.

        ``nodes``: (N + S,) the node of the k-gram that ends at each word. There is no such k-gram once ``<s>`` has
        been reached.
        """
        self._ends = self._ends[nodes[self._ends] != NOTHING]
        if not len(self._ends):
            return adjusted
        appeared = self._appeared[self._words[self._ends - self._k]]
        self._ends = self._ends[appeared == appeared.max()]
        self._k += 1
        node = nodes[self._ends[0]]
        counts = adjusted.copy()
        counts[node] = raw[node]
        return counts
