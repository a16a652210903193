"""Interpolated modified Kneser-Ney smoothing (Chen and Goodman 1999), as KenLM's ``lmplz`` estimates it.

``p(w | h) = (c(hw) - D(c(hw))) / c(h·) + γ(h) p(w | h')`` with ``γ(h) = Σ_w D(c(hw)) / c(h·)``, where h' is h without
its first word. There are two steps: the discounts D are computed from the counts of counts, and the probabilities are
interpolated from the unigrams up. Both use float32 and the order of operations of ``lmplz``, so the results are equal
to the last bit.
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
    """The discounts of one order for the counts 1, 2, and 3 or more; ``reason`` says why they are the fixed ones."""

    amounts: tuple[float, float, float]
    reason: str = ""

    def of(self, counts: IntArray) -> Float32Array:
        """Return the discount of each count, 0 for the count 0."""
        discount: Float32Array = np.array([0.0, *self.amounts], np.float32)[counts.clip(max=3)]
        return discount


def discounts(statistics: IntArray) -> Discounts:
    """Return the discounts of one order (Chen and Goodman 1999, equation 26), in float32.

    They are 0.5, 1 and 1.5, with the reason, if no n-gram has the count 1, 2 or 3, or if a discount would be below 0
    or above its count. ``statistics``, (4,), has the numbers of n-grams with the counts 1, 2, 3 and 4.
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

    The unigrams are interpolated with the uniform distribution over the V types.

    Parameters
    ----------
    start : int
        V, the number of types, which is also the id of ``<s>``.
    thresholds : sequence of int, optional
        For each order from the unigrams up, n-grams that occur this often or less are pruned: their whole counts go
        to γ(h). The first number is 0, the numbers never fall, and the last one applies to all higher orders.
    threads : int, default 1
        The number of threads; it does not change the result.
    """

    def __init__(self, start: int, thresholds: Sequence[int] = (), threads: int = 1) -> None:
        self._start = start
        self._threads = threads
        self._thresholds = thresholds
        uniform = 1.0 / float(np.float32(start))
        self._lower = np.full(start + 1, uniform, np.float32)  # probabilities of the order below
        self._kept: BoolArray | None = None  # which n-grams of the order below are not pruned; None for all
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
        """Return the table of the estimated orders."""
        # γ of the empty context is included in the unigrams
        backoffs = [*self._log10_gammas[1:], np.zeros(0, np.float32)]
        width = self._start + 1
        return BackoffTable(tuple(Level(width, *arrays, w) for arrays, w in zip(self._levels, backoffs, strict=True)))


def interpolate(
    level: Counts, kept: BoolArray | None, discount: Discounts, lower: Float32Array, threads: int = 1
) -> tuple[Float32Array, Float32Array]:
    """Return the probabilities of one order, (n_k,), and γ of its contexts, (n_{k-1},).

    Parameters
    ----------
    level : Counts
        The counts of the order.
    kept : array of shape (n_k,) or None
        Which k-grams are not pruned; None for all.
    discount : Discounts
        The discounts of the order.
    lower : array of shape (n_{k-1},)
        The probabilities of the order below.
    threads : int, default 1
        The number of threads.

    Returns
    -------
    tuple of two arrays
        The probabilities, and γ, which is 1 for a context after which nothing was seen.
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
    """Return log10, at most 0, computed in float64 and rounded to float32."""
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
