"""What the methods share that estimate every order from how often n-grams stand in train.

All is float64 over whole arrays; the finished table keeps float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.lookup.table import BackoffTable, Level, compact
from lmcompare.tokens import IntArray

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Order:
    """The n_k k-grams of train beside their n_{k-1} contexts.

    ``contexts``: (n_k,) the context node of each; ``shorter``: (n_k,) the node of each without its first word;
    ``counts``: (n_k,) how often each stands in train. ``totals``: (n_{k-1},) the sum of the counts after each
    context; ``types``: (n_{k-1},) how many different words were seen after it.
    """

    contexts: IntArray
    shorter: IntArray
    counts: Array
    totals: Array
    types: IntArray


def orders(levels: Sequence[Counts]) -> list[Order]:
    """Return every order of train; the one context of the unigrams is the empty one."""
    found, size = [], 1
    for level in levels:
        contexts = level.contexts
        totals = np.bincount(contexts, weights=level.raw, minlength=size).astype(np.float64)
        types = np.bincount(contexts[level.raw > 0], minlength=size)
        found.append(Order(contexts, level.shorter, level.raw.astype(np.float64), totals, types))
        size = len(level)
    return found


def relative(order: Order) -> Array:
    """(n_k,) the relative frequencies c(h w) / c(h); 0 where nothing was counted after h."""
    return divided(order.counts, order.totals[order.contexts], 0.0)


def divided(over: Array, under: Array, otherwise: float) -> Array:
    """Return the quotients, ``otherwise`` where the denominator is 0."""
    found: Array = np.divide(over, under, out=np.full(over.shape, otherwise), where=under > 0)
    return found


def interpolated(levels: Sequence[Counts], start: int, parts: Sequence[tuple[Array, Array]]) -> BackoffTable:
    """Return the table of ``p(w | h) = own(h w) + γ(h) p(w | h')`` from the unigrams up.

    ``parts``: for each order own, (n_k,), and γ, (n_{k-1},), which is 1 for a context that nothing was seen after.
    The unigrams are interpolated with the uniform distribution over the V words.
    """
    below = np.full(start + 1, 1 / start)
    probabilities = []
    for order, (own, gamma) in zip(orders(levels), parts, strict=True):
        below = own + gamma[order.contexts] * below[order.shorter]
        probabilities.append(below)
    return table(levels, start, probabilities, [gamma for _, gamma in parts[1:]])


def table(
    levels: Sequence[Counts], start: int, probabilities: Sequence[Array], backoffs: Sequence[Array]
) -> BackoffTable:
    """Return the table of these probabilities, (n_k,) of each order, and weights, (n_k,) of all but the highest."""
    made: list[Level] = []
    for level, values, weights in zip(levels, probabilities, [*backoffs, np.ones(0)], strict=True):
        if len(made) == 0:
            values = np.append(values[:start], 1.0)  # <s> is never predicted; the ARPA format writes 0
        log10 = np.minimum(np.log10(values), 0).astype(np.float32)
        log10_weights = np.log10(weights).astype(np.float32)
        made.append(Level(level.width, level.words, compact(level.offsets), compact(level.raw), log10, log10_weights))
    return BackoffTable(tuple(made))


def statistics(level: Counts, most: int) -> IntArray:
    """(most + 1,) how many k-grams stand in train 0, 1, 2 … ``most`` times; the first is not counted and is 0."""
    found = np.bincount(level.raw[level.raw > 0].clip(max=most + 1), minlength=most + 2)[: most + 1]
    return found.astype(np.int64)
