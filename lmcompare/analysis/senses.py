"""Do vectors tell the senses of a word apart? The sense of the nearest other sentence, with its exact chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from lmcompare.analysis.intervals import ratio_bootstrap
from lmcompare.runfolder.parquet import Array


@dataclass(frozen=True, eq=False)
class Labelled:
    """A set of labelled sentences: which other sentences are the nearest of each.

    Parameters
    ----------
    distances : array of shape (n, n)
    senses : array of shape (n,)
        The sense of each sentence.
    """

    distances: Array
    senses: Array

    @property
    def weights(self) -> Array:
        """(n, n) the part of each sentence's answer that each other sentence gives.

        It is 1 / k for the k nearest sentences, which are equally near, and 0 for all others.
        """
        apart = self.distances + np.where(np.eye(len(self.senses), dtype=bool), np.inf, 0.0)
        near = apart <= apart.min(axis=1, keepdims=True)
        found: Array = near / near.sum(axis=1, keepdims=True)
        return found

    @property
    def right(self) -> float:
        """The number of sentences whose nearest other one has the same sense; equally near ones share the answer."""
        return float(self.weights[self.senses[:, None] == self.senses].sum())

    @property
    def chance(self) -> float:
        """The mean of ``right`` in random order: the sum of (number of the same sense - 1) / (n - 1)."""
        _, own, counts = np.unique(self.senses, return_inverse=True, return_counts=True)
        return float(((counts[own] - 1) / (len(self.senses) - 1)).sum())


@dataclass(frozen=True)
class Separation:
    """The result over several sets.

    ``share`` of the sentences whose nearest other sentence has the same sense; ``low`` and ``high``, the ends of its
    95 % interval over sets (0 and 1 for too few sets); ``chance``, the share in a random order; ``p``, one-sided.
    """

    share: float
    low: float
    high: float
    chance: float
    p: float


def separation(sets: Sequence[Labelled]) -> Separation:
    """Return how well the nearest sentence tells the sense, over all of ``sets``.

    The p-value is exact: of all ways to distribute the labels of each set over its sentences, it is the share with at
    least as many right answers. The interval resamples sets (studentised bootstrap).
    """
    right = np.array([one.right for one in sets])
    sizes = np.array([float(len(one.senses)) for one in sets])
    low, high = ratio_bootstrap(right[:, None], sizes[:, None]).interval()
    n = sizes.sum()
    chance = sum(one.chance for one in sets) / n
    return Separation(right.sum() / n, max(0.0, float(low[0])), min(1.0, float(high[0])), chance, _p_value(sets))


@dataclass(frozen=True)
class Gain:
    """By how much one kind of vectors has a greater share right than another, in the same sentences.

    ``low`` and ``high`` are the ends of the 95 % interval over sets, and ``p`` is two-sided.
    """

    difference: float
    low: float
    high: float
    p: float


def gain(sets: Sequence[Labelled], others: Sequence[Labelled]) -> Gain:
    """Return the paired difference between the ``share`` of ``sets`` and that of ``others``, set by set.

    The p-value is exact: of all ways to swap the two kinds in some of the sets, it is the share whose difference has
    at least this absolute value (Fisher's test of paired differences, 1935). The interval resamples sets (studentised
    bootstrap).
    """
    more = np.array([own.right - other.right for own, other in zip(sets, others, strict=True)])
    sizes = np.array([float(len(one.senses)) for one in sets])
    low, high = ratio_bootstrap(more[:, None], sizes[:, None]).interval()
    signs = np.array(list(product((1, -1), repeat=len(sets))))  # at most 2^12 ways
    p = np.mean(np.abs(signs @ more) >= abs(more.sum()) - 1e-9)  # sums of parts of answers are rounded
    return Gain(more.sum() / sizes.sum(), max(-1.0, float(low[0])), min(1.0, float(high[0])), float(p))


def _p_value(sets: Sequence[Labelled]) -> float:
    """Return the share of all labellings of the sets with at least as many right answers as the true labelling."""
    # ``right`` is counted in parts of 1 / unit: the 1 / k of k equally near sentences is a whole number of them
    unit = math.lcm(*range(1, max(len(one.senses) for one in sets)))
    observed, ways = 0, np.ones(1)
    for one in sets:
        weights = np.rint(one.weights * unit).astype(np.int64)
        n, first = len(one.senses), int((one.senses == one.senses[0]).sum())
        labels = np.zeros((math.comb(n, first), n), bool)
        for row, members in enumerate(combinations(range(n), first)):
            labels[row, list(members)] = True
        totals = np.einsum("lij,ij->l", labels[:, :, None] == labels[:, None], weights)
        observed += int(weights[one.senses[:, None] == one.senses].sum())
        ways = np.convolve(ways, np.bincount(totals) / len(totals))
    return min(1.0, float(ways[observed:].sum()))
