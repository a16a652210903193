"""One order of a back-off table: its n-grams, their probabilities and back-off weights, as flat arrays.

The k-grams of one order are numbered 0 … n_k - 1 (their *nodes*) by the node of the context (the first k - 1 words,
a node of the order below) and, after the same context, by the last word. So the words that were seen after a context
are side by side, and one binary search among them looks an n-gram up. At order 1 the node is the word itself; the
word V is ``<s>``, the beginning of a sentence, which is a context and never a prediction. A search reads no more of
the arrays than it needs, so that they may be in a file that is mapped into memory.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled
from lmcompare.errors import LmcompareError
from lmcompare.state import WHOLE, DamagedStateError, check_offsets, check_range, check_rising, taken
from lmcompare.tokens import FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]
Float32Array = npt.NDArray[np.float32]

NATS = math.log(10)  # nats in one unit of log10
ARRAYS = ("words", "offsets", "counts", "log10_probs", "log10_backoffs")  # the arrays of a stored level
LARGEST = float(np.finfo(np.float32).max)
MOST = 2**31 - 1  # n-grams of one order, which are numbered in 32 bits
NOTHING = -1  # in place of a word or a node that does not exist


@dataclass(frozen=True, eq=False)
class Level:
    """The n_k k-grams of one order k.

    ``width``: V + 1. ``words``: (n_k,) int32, the last word of each. ``offsets``: (n_{k-1} + 1,) int32 or int64; the
    k-grams with context node c are ``offsets[c]:offsets[c + 1]``, their words rising. ``counts``: (n_k,) int64, the
    counts behind the probabilities; empty if they are not known. ``log10_probs``: (n_k,) float32, log10 of
    the probabilities. ``log10_backoffs``: (n_k,) float32, log10 of the weight of the shorter context after this
    k-gram, 0 where nothing was seen after it; empty at the highest order.
    """

    width: int
    words: IntArray
    offsets: IntArray
    counts: IntArray
    log10_probs: Float32Array
    log10_backoffs: Float32Array

    @classmethod
    def from_arrays(
        cls, width: int, arrays: Mapping[str, npt.NDArray[Any]], k: int, order: int, contexts: int
    ) -> Level:
        """Return level ``k`` of stored arrays, over ``contexts`` (k-1)-grams.

        Raises ``DamagedStateError`` for other types or shapes than those above.
        """
        words = taken(arrays, f"words_{k}", (np.int32,) if k > 1 else WHOLE, (None,))
        n = len(words)
        offsets = taken(arrays, f"offsets_{k}", WHOLE, (contexts + 1,))
        counts = taken(arrays, f"counts_{k}", WHOLE, (None,))
        probs = taken(arrays, f"log10_probs_{k}", (np.float32,), (n,))
        backoffs = taken(arrays, f"log10_backoffs_{k}", (np.float32,), (n if k < order else 0,))
        if len(counts) not in (0, n):
            raise DamagedStateError(f"counts_{k} has {len(counts):,} numbers for {n:,} {k}-grams")
        return cls(width, words, offsets, counts, probs, backoffs)

    def check(self, k: int) -> None:
        """Raise ``DamagedStateError`` if the arrays of a level of order ``k`` have other values than those above."""
        check_offsets(f"offsets_{k}", self.offsets, len(self))
        if k > 1:
            check_range(f"words_{k}", self.words, 0, self.width - 2)
            check_rising(f"words_{k}", self.words, self.offsets)
        check_range(f"counts_{k}", self.counts, 0, np.iinfo(np.int64).max)
        check_range(f"log10_probs_{k}", self.log10_probs, -np.inf, 0)
        check_range(f"log10_backoffs_{k}", self.log10_backoffs, -np.inf, LARGEST)

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def contexts(self) -> IntArray:
        """(n_k,) int64, rising: the context node of each k-gram."""
        return np.repeat(np.arange(len(self.offsets) - 1, dtype=np.int64), np.diff(self.offsets))

    @cached_property
    def search(self) -> tuple[IntArray, IntArray]:
        """``offsets`` and ``words`` as compiled loops take them: int32, read-only."""
        return whole(self.offsets), whole(self.words)

    def find(self, contexts: IntArray, words: IntArray) -> IntArray:
        """(n,) the nodes of the k-grams of these context nodes and last words; ``NOTHING`` where there is none.

        The context ``NOTHING`` and the words ``NOTHING`` and ``<s>`` give ``NOTHING``, so callers need not treat them
        separately.
        """
        return find(*self.search, contexts, words)

    def log_probs_of(self, nodes: IntArray) -> FloatArray:
        """(n,) float64 nats: the log-probabilities of these k-grams; those of other k-grams are not read."""
        return self.log10_probs[nodes].astype(np.float64) * NATS

    def log10_backoff(self, nodes: IntArray) -> FloatArray:
        """(n,) float64 log10: the back-off weights of these contexts, 0 for ``NOTHING``, a context never seen."""
        weights, seen = np.zeros(nodes.shape), nodes != NOTHING
        weights[seen] = self.log10_backoffs[nodes[seen]]
        return weights


def find(offsets: IntArray, level_words: IntArray, contexts: IntArray, words: IntArray) -> IntArray:
    """(n,) the nodes of the k-grams of these context nodes and last words; ``NOTHING`` where there is none.

    ``offsets``, ``level_words``: those of the level. Whatever the offsets are, nothing outside of them is read.
    """
    nodes = np.empty(len(words), np.int64)
    _search(whole(offsets), whole(level_words), contexts.astype(np.int64), words.astype(np.int64), nodes)
    return nodes


@compiled
def place_of(wanted: int, values: IntArray, first: int, last: int) -> int:
    """Return where a number is among ``values[first:last]``, which rise; ``NOTHING``, -1, if it is not there."""
    end = last
    while first < last:
        middle = (first + last) >> 1
        if values[middle] < wanted:
            first = middle + 1
        else:
            last = middle
    return first if first < end and values[first] == wanted else -1


@compiled
def _search(offsets: IntArray, level_words: IntArray, contexts: IntArray, words: IntArray, nodes: IntArray) -> None:
    """Write the nodes (n,) of the k-grams of n context nodes and last words, -1 where there is none.

    Whatever the offsets are, nothing outside of ``level_words`` is read.
    """
    for i in range(len(words)):
        context = contexts[i]
        nodes[i] = -1
        if 0 <= context < len(offsets) - 1:
            low, high = max(int(offsets[context]), 0), min(int(offsets[context + 1]), len(level_words))
            nodes[i] = place_of(words[i], level_words, low, high)


def compact(numbers: IntArray) -> IntArray:
    """Return whole numbers from 0 on in 32 bits, if they fit, so that a table is the same however it was counted."""
    return numbers.astype(np.int32, copy=False) if int(numbers.max(initial=0)) <= MOST else numbers


def whole(array: IntArray) -> IntArray:
    """Return whole numbers as compiled loops take them: int32, read-only.

    Raises ``LmcompareError`` for numbers that don't fit.
    """
    if array.dtype.itemsize > 4 and int(array.max(initial=0)) > MOST:
        raise LmcompareError(
            f"at most {MOST:,} n-grams of one order can be looked up, but this model has more: use a pruned model, or"
            " a lower order"
        )
    return read_only(array.astype(np.int32, copy=False))


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a read-only view, like the arrays of a mapped file: for compiled code, both have one type."""
    view = array.view()
    view.flags.writeable = False
    return view
