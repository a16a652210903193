"""Helpers for the smoothing methods that estimate every order from the frequencies of its n-grams.

All methods but Kneser-Ney do so. They compute with whole arrays of float64; the finished table keeps float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lmcompare.counts.level import Level, compact
from lmcompare.counts.ngrams import Counts
from lmcompare.counts.table import BackoffTable
from lmcompare.tokens import IntArray

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Order:
    """The n_k k-grams of the training text with their n_{k-1} contexts.

    Parameters
    ----------
    contexts : IntArray of shape (n_k,)
        The node of the context of each k-gram.
    shorter : IntArray of shape (n_k,)
        The node of each k-gram without its first word.
    counts : Array of shape (n_k,)
        The frequency of each k-gram.
    totals : Array of shape (n_{k-1},)
        The sum of the counts after each context.
    types : IntArray of shape (n_{k-1},)
        The number of different words seen after each context.
    """

    contexts: IntArray
    shorter: IntArray
    counts: Array
    totals: Array
    types: IntArray


def orders(levels: Sequence[Counts]) -> list[Order]:
    """Return all orders; the unigrams have one context, the empty one."""
    return [_order(level.contexts, level.shorter, level.raw, len(level.offsets) - 1) for level in levels]


def one_context(counts: IntArray) -> Order:
    """Return an order with a single context and the words that were seen after it this often."""
    return _order(np.zeros(len(counts), np.int64), np.zeros(0, np.int64), counts, 1)


def _order(contexts: IntArray, shorter: IntArray, counts: IntArray, size: int) -> Order:
    totals = np.bincount(contexts, weights=counts, minlength=size).astype(np.float64)
    types = np.bincount(contexts[counts > 0], minlength=size)
    return Order(contexts, shorter, counts.astype(np.float64), totals, types)


def relative(order: Order) -> Array:
    """(n_k,) the relative frequencies c(h w) / c(h); 0 if nothing was counted after h."""
    return divided(order.counts, order.totals[order.contexts], 0.0)


def divided(over: Array, under: Array, otherwise: float) -> Array:
    """Return the quotients; ``otherwise`` where the denominator is 0."""
    found: Array = np.divide(over, under, out=np.full(over.shape, otherwise), where=under > 0)
    return found


def interpolated(levels: Sequence[Counts], size: int, parts: Sequence[tuple[Array, Array]]) -> BackoffTable:
    """Return the table of ``p(w | h) = own(h w) + γ(h) p(w | h')``, worked from the unigrams up.

    The unigrams are interpolated with the uniform distribution over the V types.

    Parameters
    ----------
    levels, size
        The counts and the size of ``Smoothing.estimate``.
    parts : sequence of (Array of shape (n_k,), Array of shape (n_{k-1},))
        own and γ of each order; γ is 1 for a context after which nothing was seen.
    """
    below = np.full(size + 1, 1 / size)
    probabilities = []
    for order, (own, gamma) in zip(orders(levels), parts, strict=True):
        below = own + gamma[order.contexts] * below[order.shorter]
        probabilities.append(below)
    return table(levels, size, probabilities, [gamma for _, gamma in parts[1:]])


def table(
    levels: Sequence[Counts], size: int, probabilities: Sequence[Array], backoffs: Sequence[Array]
) -> BackoffTable:
    """Return the table of these probabilities, and of these back-off weights of all orders but the highest."""
    made: list[Level] = []
    for level, values, weights in zip(levels, probabilities, [*backoffs, np.ones(0)], strict=True):
        if len(made) == 0:
            values = np.append(values[:size], 1.0)  # <s> is never predicted; the ARPA format writes 0
        log10 = np.minimum(np.log10(values), 0).astype(np.float32)
        log10_weights = np.log10(weights).astype(np.float32)
        made.append(Level(level.width, level.words, compact(level.offsets), compact(level.raw), log10, log10_weights))
    return BackoffTable(tuple(made))


def counts_of_counts(level: Counts, most: int) -> IntArray:
    """(most + 1,) how many k-grams occur 0, 1, 2 … ``most`` times; the first number is always 0."""
    found = np.bincount(level.raw[level.raw > 0].clip(max=most + 1), minlength=most + 2)[: most + 1]
    return found.astype(np.int64)
