"""Interpolated modified Kneser-Ney smoothing (Chen and Goodman 1999), as KenLM's ``lmplz`` reads it.

Three steps, each over whole arrays: count the n-grams of every order, work the discounts out of the counts of
counts, and interpolate from the unigrams up. Nodes and keys are those of ``backoff``. Discounts and probabilities are
worked out in float32 and in the order in which ``lmplz`` works them out, so that they are equal to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lmcompare.models.backoff import NOTHING, BackoffTable, Level
from lmcompare.tokens import IntArray

Float32Array = npt.NDArray[np.float32]

FALLBACK = (0.5, 1.0, 1.5)


@dataclass(frozen=True, eq=False)
class Counts:
    """The n_k k-grams of one order of train.

    ``keys``: (n_k,) int64, rising: context node times (V + 1) plus word. ``shorter``: (n_k,) the node of the
    (k-1)-gram without the first word. ``raw``: (n_k,) int64, how often the k-gram stands in train. ``adjusted``:
    (n_k,) int64, what the estimate is made from: the raw count, if k is the highest order or the k-gram begins with
    ``<s>``; else how many distinct words, ``<s>`` among them, stand before it. ``statistics``: (4,) how many k-grams
    have the adjusted count 1, 2, 3, 4.
    """

    keys: IntArray
    shorter: IntArray
    raw: IntArray
    adjusted: IntArray
    statistics: IntArray


@dataclass(frozen=True)
class Discounts:
    """What one order takes off the counts 1, 2, and 3 or more. ``reason``: why they are the fixed ones, or ""."""

    amounts: tuple[float, float, float]
    reason: str = ""

    def of(self, counts: IntArray) -> Float32Array:
        """Return the discount of each count, 0 for the count 0."""
        discount: Float32Array = np.array([0.0, *self.amounts], np.float32)[counts.clip(max=3)]
        return discount


def count(words: IntArray, order: int, start: int, end: int, unknown: int = 0) -> list[Counts]:
    """Count the n-grams of order 1 to ``order``.

    Parameters: ``words``, (N + S,) int64, sentences that each begin with ``<s>``; ``start``, V, the id of ``<s>``;
    ``end`` and ``unknown``, the ids of ``</s>`` and ``<unk>``. No n-gram holds ``<s>`` but as its first word, and its
    unigram has the count 0.
    """
    width = start + 1
    keys, shorter = np.arange(width, dtype=np.int64), np.zeros(width, np.int64)
    nodes, raw, initial = words, np.bincount(words, minlength=width), keys == start
    raw[start] = 0
    latest = _LatestGram(words, places(words, start, end, unknown))
    levels = []
    for _ in range(1, order):
        at = np.flatnonzero((nodes[:-1] != NOTHING) & (words[1:] != start)) + 1
        longer, node_at, longer_raw = np.unique(
            nodes[at - 1] * width + words[at], return_inverse=True, return_counts=True
        )
        longer_shorter = np.empty(len(longer), np.int64)
        longer_shorter[node_at] = nodes[at]
        adjusted = np.where(initial, raw, np.bincount(longer_shorter, minlength=len(keys)))
        levels.append(Counts(keys, shorter, raw, adjusted, _statistics(latest.with_raw_count(adjusted, raw, nodes))))
        nodes = np.full(len(words), NOTHING, np.int64)
        nodes[at] = node_at
        keys, shorter, raw, initial = longer, longer_shorter, longer_raw, initial[longer // width]
    return [*levels, Counts(keys, shorter, raw, raw, _statistics(raw))]


def places(words: IntArray, start: int, end: int, unknown: int = 0) -> IntArray:
    """(V + 1,) the ids that ``lmplz`` would give: ``<unk>``, ``<s>``, ``</s>``, then words by first appearance.

    Types that do not stand in train come last, by their ids here.
    """
    appeared = np.arange(start + 1) + len(words)
    appeared[words[::-1]] = np.arange(len(words))[::-1]  # the first appearance is written last
    appeared[[unknown, start, end]] = -3, -2, -1
    ranks = np.empty(start + 1, np.int64)
    ranks[np.argsort(appeared)] = np.arange(start + 1)
    return ranks


def discounts(statistics: IntArray) -> Discounts:
    """Return the discounts of one order, Chen and Goodman's equation 26, in float32.

    They are the fixed 0.5, 1 and 1.5, with the reason, where the equation has no answer: no n-gram with the count
    1, 2 or 3, or a discount below 0 or above the count that it is taken off.
    """
    for j in (1, 2, 3):
        if not statistics[j - 1]:
            return Discounts(FALLBACK, f"none has the count {j}")
    f, n = np.float32, [np.float32(x) for x in statistics]
    y = n[0] / f(statistics[0] + 2.0 * statistics[1])
    d1, d2, d3 = (float(f(j) - f(j + 1) * y * n[j] / n[j - 1]) for j in (1, 2, 3))
    for j, d in enumerate((d1, d2, d3), 1):
        if not 0 <= d <= j:
            return Discounts(FALLBACK, f"the discount of the count {j} would be {d:.3g}")
    return Discounts((d1, d2, d3))


def estimate(
    levels: Sequence[Counts], by_order: Sequence[Discounts], start: int, thresholds: Sequence[int] = ()
) -> BackoffTable:
    """Interpolate from the unigrams up.

    ``p(w | h) = (c(hw) - D(c(hw))) / c(h·) + γ(h) p(w | h')`` with ``γ(h) = Σ_w D(c(hw)) / c(h·)``, where h' is h
    without its first word. Unigrams are interpolated with the uniform distribution over the V words, ``<unk>``
    included, whether train holds them or not.

    ``thresholds``: per order, from 0 for the unigrams on and never falling: n-grams that stand in train so often or
    less are left out, and the whole of their counts goes into γ(h).
    """
    width = start + 1
    probabilities = np.full(width, 1.0 / float(np.float32(start)), np.float32)
    nodes = np.zeros(1, np.int64)  # of the contexts: the place of each among those that are kept, or NOTHING
    kept_before = np.ones(1, bool)
    table = []
    log10_gammas: list[Float32Array] = []
    for k, (level, discount) in enumerate(zip(levels, by_order, strict=True), 1):
        contexts = level.keys // width
        kept = _kept(level, thresholds[k - 1] if thresholds else 0, first=k == 1)
        total = np.bincount(contexts, weights=level.adjusted, minlength=len(nodes)).astype(np.float32)
        gamma = _leftover(level, kept, contexts, discount, total)
        with np.errstate(invalid="ignore"):  # contexts of which all that follows is pruned
            own = (level.adjusted.astype(np.float32) - discount.of(level.adjusted)) / total[contexts]
        probabilities = own + gamma[contexts] * probabilities[level.shorter]
        if k == 1:
            probabilities[start] = 1.0  # never predicted; lmplz writes log10 1
        with np.errstate(divide="ignore"):  # a discount may be exactly 0
            log10_gammas.append(np.log10(gamma.astype(np.float64)).astype(np.float32)[kept_before])
            log10 = np.minimum(np.log10(probabilities[kept].astype(np.float64)), 0).astype(np.float32)
        offsets = np.append(0, np.cumsum(np.bincount(nodes[contexts[kept]], minlength=kept_before.sum())))
        words = (level.keys[kept] % width).astype(np.int32)
        table.append((words, offsets, level.adjusted[kept], log10))
        nodes, kept_before = np.where(kept, np.cumsum(kept) - 1, NOTHING), kept
    backoffs = [*log10_gammas[1:], np.zeros(0, np.float32)]  # the first, of the empty context, is in the unigrams
    return BackoffTable(tuple(Level(width, *arrays, w) for arrays, w in zip(table, backoffs, strict=True)))


def _kept(level: Counts, threshold: int, first: bool) -> npt.NDArray[np.bool_]:
    return np.ones(len(level.keys), bool) if first else level.raw > threshold


def _leftover(
    level: Counts, kept: npt.NDArray[np.bool_], contexts: IntArray, discount: Discounts, total: Float32Array
) -> Float32Array:
    """(n_{k-1},) γ(h); 1 for a context that nothing was seen after: it leaves everything to the shorter one."""
    counts = np.where(kept, level.adjusted, 0)
    gamma = np.zeros(len(total), np.float32)
    for j, amount in enumerate(discount.amounts, 1):
        with_count = (counts == j) if j < 3 else (counts >= 3)
        gamma += np.float32(amount) * np.bincount(contexts[with_count], minlength=len(total)).astype(np.float32)
    if not kept.all():
        pruned = np.bincount(contexts, weights=level.adjusted - counts, minlength=len(total))
        gamma += pruned.astype(np.float32)
    return np.divide(gamma, total, out=np.ones_like(gamma), where=total > 0)


def _statistics(counts: IntArray) -> IntArray:
    return np.bincount(counts.clip(max=5), minlength=6)[1:5]


class _LatestGram:
    """The last k-gram of each order k in the order that ``lmplz`` sorts by: last word first, words by their places.

    It enters the counts of counts with its raw count there, though its probability is estimated from the adjusted
    one. Asked for the orders 1, 2, 3 … in turn.
    """

    def __init__(self, words: IntArray, places: IntArray) -> None:
        self._places = places[words]
        self._ends = np.flatnonzero(words != len(places) - 1)  # where the last k-gram ends, all its occurrences
        self._k = 0

    def with_raw_count(self, adjusted: IntArray, raw: IntArray, nodes: IntArray) -> IntArray:
        """Return the adjusted counts of the next order, the last k-gram's replaced by its raw one.

        ``nodes``: (N + S,) the node of the k-gram that ends at each word. There is no such k-gram once ``<s>`` has
        been reached.
        """
        self._ends = self._ends[nodes[self._ends] != NOTHING]
        if not len(self._ends):
            return adjusted
        place = self._places[self._ends - self._k]
        self._ends = self._ends[place == place.max()]
        self._k += 1
        node = nodes[self._ends[0]]
        counts = adjusted.copy()
        counts[node] = raw[node]
        return counts
