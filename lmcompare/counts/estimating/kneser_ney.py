"""Interpolated modified Kneser-Ney smoothing (Chen and Goodman 1999), as KenLM's ``lmplz`` reads it.

Two steps, each over whole arrays: work the discounts out of the counts of counts, and interpolate from the unigrams
up. Both are done in float32 and in the order in which ``lmplz`` does them, so that the figures are equal to the last
bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import share
from lmcompare.counts.counting.ngrams import BLOCK, Counts
from lmcompare.counts.estimating import kneser_ney_compiled as loops
from lmcompare.counts.lookup.level import Level, compact
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.tokens import IntArray

BoolArray = npt.NDArray[np.bool_]
Float32Array = npt.NDArray[np.float32]

FALLBACK = (0.5, 1.0, 1.5)


@dataclass(frozen=True)
class Discounts:
    """What one order takes off the counts 1, 2, and 3 or more. ``reason``: why they are the fixed ones, or ""."""

    amounts: tuple[float, float, float]
    reason: str = ""

    def of(self, counts: IntArray) -> Float32Array:
        """Return the discount of each count, 0 for the count 0."""
        discount: Float32Array = np.array([0.0, *self.amounts], np.float32)[counts.clip(max=3)]
        return discount


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


class Interpolation:
    """The levels of a table, estimated one by one from the unigrams up.

    ``p(w | h) = (c(hw) - D(c(hw))) / c(h·) + γ(h) p(w | h')`` with ``γ(h) = Σ_w D(c(hw)) / c(h·)``, where h' is h
    without its first word. Unigrams are interpolated with the uniform distribution over the V words, ``<unk>``
    included, whether train holds them or not.

    Parameters: ``start``, V, the id of ``<s>``; ``thresholds``: per order, from 0 for the unigrams on and never
    falling, the last for all orders above: n-grams that stand in train so often or less are left out, and the whole
    of their counts goes into γ(h); ``threads``: how many share the work, with the same result.
    """

    def __init__(self, start: int, thresholds: Sequence[int] = (), threads: int = 1) -> None:
        self._start = start
        self._threads = threads
        self._thresholds = thresholds
        uniform = 1.0 / float(np.float32(start))
        self._lower = np.full(start + 1, uniform, np.float32)  # probabilities of the order below
        self._kept: BoolArray | None = None  # which n-grams of the order below are, None for all
        self._levels: list[tuple[IntArray, IntArray, IntArray, Float32Array]] = []
        self._log10_gammas: list[Float32Array] = []

    def add(self, level: Counts, discount: Discounts) -> None:
        """Estimate the next order."""
        k = len(self._levels) + 1
        threshold = self._thresholds[min(k, len(self._thresholds)) - 1] if k > 1 and self._thresholds else 0
        kept = level.raw > threshold if threshold else None
        probabilities, gamma = interpolate(level, kept, discount, self._lower, self._threads)
        if k == 1:
            probabilities[self._start] = 1.0  # never predicted; lmplz writes log10 1
        self._log10_gammas.append(_log10(gamma if self._kept is None else gamma[self._kept]))
        words, offsets, adjusted, log10 = level.words, level.offsets, level.adjusted, _log10(probabilities)
        if kept is not None:
            of_kept = np.bincount(level.contexts[kept], minlength=len(offsets) - 1)
            offsets = np.append(0, np.cumsum(of_kept if self._kept is None else of_kept[self._kept]))
            words, adjusted, log10 = words[kept], adjusted[kept], log10[kept]
        self._levels.append((words, compact(offsets), compact(adjusted), log10))
        self._lower, self._kept = probabilities, kept

    def table(self) -> BackoffTable:
        """Return the table of all that was added."""
        # the first γ, that of the empty context, is in the unigrams
        backoffs = [*self._log10_gammas[1:], np.zeros(0, np.float32)]
        width = self._start + 1
        return BackoffTable(tuple(Level(width, *arrays, w) for arrays, w in zip(self._levels, backoffs, strict=True)))


def interpolate(
    level: Counts, kept: BoolArray | None, discount: Discounts, lower: Float32Array, threads: int = 1
) -> tuple[Float32Array, Float32Array]:
    """Return the probabilities (n_k,) of one order and γ (n_{k-1},) of its contexts.

    ``lower``: (n_{k-1},) the probabilities of the order below. γ is 1 for a context that nothing was seen after: it
    leaves everything to the shorter one.
    """
    probabilities = np.empty(len(level), np.float32)
    gammas = np.empty(len(level.offsets) - 1, np.float32)
    amounts = np.array([0.0, *discount.amounts], np.float32)
    some = np.zeros(0, np.bool_) if kept is None else kept
    adjusted, shorter = level.adjusted.astype(np.int32, copy=False), level.shorter.astype(np.int32, copy=False)
    arrays = (level.offsets, adjusted, shorter, some, amounts, lower, probabilities, gammas)
    share(threads, level.offsets, partial(loops.interpolate, *arrays))
    return probabilities, gammas


def _log10(values: Float32Array) -> Float32Array:
    """Return log10, 0 at most, taken in float64 and rounded."""
    logs = np.empty(len(values), np.float32)
    with np.errstate(divide="ignore"):  # a discount may be exactly 0
        for block in range(0, len(values), BLOCK):
            part = slice(block, block + BLOCK)
            logs[part] = np.minimum(np.log10(values[part], dtype=np.float64), 0)
    return logs


def estimate(
    counts: Iterable[Counts], size: int, prune: Sequence[int] = (0,), threads: int = 1
) -> tuple[BackoffTable, tuple[Discounts, ...]]:
    """Return the table over ``size`` types and the discounts of each order; see ``Interpolation`` for the rest."""
    interpolation = Interpolation(size, prune, threads)
    found: list[Discounts] = []
    for level in counts:
        found.append(discounts(level.statistics))
        interpolation.add(level, found[-1])
        del level  # free its memory before the next order is counted
    return interpolation.table(), tuple(found)
