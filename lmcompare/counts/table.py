"""A back-off table: the n-grams of every order, and the probabilities that follow from them.

The k-grams of one order are numbered 0 … n_k - 1 (their *nodes*) by the node of the context (the first k - 1 words,
a node of the order below) and, after the same context, by the last word. So the words that were seen after a context
are side by side, and one binary search among them looks an n-gram up. At order 1 the node is the word itself; the
word V is ``<s>``, the beginning of a sentence, which is a context and never a prediction. A search reads no more of
the arrays than it needs, so that they may be in a file that is mapped into memory.

A look-up goes from order to order: the k-gram that ends at a token continues the (k-1)-gram that ends at the token
before. The probability of a word is that of the longest n-gram found, times the back-off weights of all longer
contexts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled
from lmcompare.errors import LmcompareError
from lmcompare.state import WHOLE, DamagedStateError, check_offsets, check_range, check_rising, taken
from lmcompare.tokens import Encoded, FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]
Float32Array = npt.NDArray[np.float32]
Arrays = tuple[npt.NDArray[Any], ...]  # one for each order

NATS = math.log(10)  # nats in one unit of log10
ARRAYS = ("words", "offsets", "counts", "log10_probs", "log10_backoffs")  # the arrays of a stored level
LARGEST = float(np.finfo(np.float32).max)
MOST = 2**31 - 1  # n-grams of one order, which are numbered in 32 bits
NOTHING = -1  # in place of a word or a node that does not exist
BLOCK = 2**16  # tokens that are looked up together


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

        Raises ``DamagedStateError`` for other types, shapes or values than those above.
        """
        words = taken(arrays, f"words_{k}", (np.int32,) if k > 1 else WHOLE, (None,))
        n = len(words)
        offsets = taken(arrays, f"offsets_{k}", WHOLE, (contexts + 1,))
        counts = taken(arrays, f"counts_{k}", WHOLE, (None,))
        probs = taken(arrays, f"log10_probs_{k}", (np.float32,), (n,))
        backoffs = taken(arrays, f"log10_backoffs_{k}", (np.float32,), (n if k < order else 0,))
        if len(counts) not in (0, n):
            raise DamagedStateError(f"counts_{k} has {len(counts):,} numbers for {n:,} {k}-grams")
        check_offsets(f"offsets_{k}", offsets, n)
        if k > 1:
            check_range(f"words_{k}", words, 0, width - 2)
            check_rising(f"words_{k}", words, offsets)
        check_range(f"counts_{k}", counts, 0, np.iinfo(np.int64).max)
        check_range(f"log10_probs_{k}", probs, -np.inf, 0)
        check_range(f"log10_backoffs_{k}", backoffs, -np.inf, LARGEST)
        return cls(width, words, offsets, counts, probs, backoffs)

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


@dataclass(frozen=True, eq=False)
class BackoffTable:
    """The n levels of an n-gram model over V words; ``log10_probs`` has the final probabilities of the k-grams.

    The probability of a word is that of the longest n-gram found, times the back-off weights of all longer contexts.
    """

    levels: tuple[Level, ...]

    def __len__(self) -> int:
        """The number of n-grams of all orders."""
        return sum(map(len, self.levels))

    @property
    def order(self) -> int:
        """n, the greatest number of words in an n-gram."""
        return len(self.levels)

    @property
    def start(self) -> int:
        """V, the number of words, and in a context the id of ``<s>``."""
        return self.levels[0].width - 1

    def grams(self) -> Iterator[IntArray]:
        """Yield the words of all k-grams, (n_k, k) int64, for k = 1 … n."""
        grams = np.arange(self.levels[0].width)[:, None]  # (V + 1, 1)
        yield grams
        for level in self.levels[1:]:
            grams = np.column_stack([grams[level.contexts], level.words])  # (n_{k-1}, k - 1) -> (n_k, k)
            yield grams

    # Contexts: an array (n - 1, B) int32, the nodes of the last 1, 2 … n - 1 words before each of B positions

    def beginning(self, size: int) -> IntArray:
        """Return the contexts of ``size`` positions with nothing before them, not even ``<s>``."""
        return np.full((self.order - 1, size), NOTHING, np.int32)

    def advance(self, contexts: IntArray, words: IntArray) -> IntArray:
        """Return the contexts after one more word (B,); after ``<s>``, they have none of the words before it."""
        after = np.empty_like(contexts)
        for k, level in enumerate(self.levels[1:-1], 1):
            after[k] = level.find(contexts[k - 1], words)
        after[:1] = words
        return after

    def contexts_at(self, text: Encoded, at: IntArray) -> IntArray:
        """Return the contexts of B positions of a text; position N is the one after its end."""
        begins, end = text.context_starts(at), text.vocabulary.end
        contexts = self.beginning(len(at))
        for back in range(self.order - 1, 0, -1):
            where = at - back
            words = np.full(len(at), self.start)  # before its first token a document has <s>
            inside = where >= begins
            words[inside] = text.ids[where[inside]]
            words[words == end] = self.start  # what follows </s> begins a sentence
            contexts = self.advance(contexts, words)
        return contexts

    def distributions(self, contexts: IntArray, dtype: npt.DTypeLike = np.float64) -> FloatArray:
        """(B, V) nats: the distribution of the next word after each of B contexts.

        A row is the unigram row times the weight of all contexts, over which the words that were seen after the last
        word are written, then those seen after the last two, and so on.
        """
        weights, unigrams = self._weights(contexts), self._unigram_nats[np.dtype(dtype)]
        shifts = (weights[0] * NATS).astype(dtype)
        if not len(contexts):
            only: FloatArray = unigrams + shifts[:, None]
            return only
        rows = np.empty((contexts.shape[1], self.start), dtype)
        _fill(rows, np.ascontiguousarray(contexts, np.int32), weights, shifts, unigrams, *self._longer)
        return rows

    def _weights(self, contexts: IntArray) -> FloatArray:
        """(n, B) log10: row k - 1 is the product of the weights of all contexts of k words and more."""
        weights = np.zeros((len(contexts) + 1, contexts.shape[1]))
        for k in range(len(contexts), 0, -1):
            weights[k - 1] = weights[k] + self.levels[k - 1].log10_backoff(contexts[k - 1])
        return weights

    @cached_property
    def _unigram_nats(self) -> dict[Any, FloatArray]:
        """(V,) nats, by type: the log-probabilities of the words alone."""
        nats = self.levels[0].log10_probs[: self.start].astype(np.float64) * NATS
        return {np.dtype(dtype): nats.astype(dtype) for dtype in (np.float32, np.float64)}

    @cached_property
    def _longer(self) -> tuple[Arrays, Arrays, Arrays]:
        """The offsets, words and log10 probabilities of the levels 2 … n, as compiled loops take them."""
        searches = [level.search for level in self.levels[1:]]
        probs = tuple(read_only(level.log10_probs) for level in self.levels[1:])
        return tuple(offsets for offsets, _ in searches), tuple(words for _, words in searches), probs

    def score(self, text: Encoded) -> FloatArray:
        """(N,) nats: the log-probability of each token."""
        scores = np.empty(len(text))
        early = self.order - 1  # a block begins a few tokens early, so that its first tokens have their contexts
        for begin in range(0, len(text), BLOCK):
            first, last = max(begin - early, 0), min(begin + BLOCK, len(text))
            scores[begin:last] = self._score(text, first, last)[begin - first :]
        return scores

    def _score(self, text: Encoded, first: int, last: int) -> FloatArray:
        """(last - first,) nats of these tokens; the first tokens lack a part of their contexts."""
        words: IntArray = text.ids[first:last].astype(np.int64)
        before = np.append(text.vocabulary.end, words[:-1])
        opens = before == text.vocabulary.end
        opens[0] = first == 0 or text.ids[first - 1] == text.vocabulary.end
        starts = np.searchsorted(text.starts, [first, last])
        opens[text.starts[starts[0] : starts[1]] - first] = True
        log10 = self.levels[0].log10_probs[words].astype(np.float64)
        contexts = np.where(opens, self.start, before)
        for level, longer in pairwise(self.levels):
            seen = np.flatnonzero(contexts != NOTHING)
            log10[seen] += level.log10_backoffs[contexts[seen]]
            nodes = longer.find(contexts, words)
            found = np.flatnonzero(nodes != NOTHING)
            log10[found] = longer.log10_probs[nodes[found]]
            contexts = np.append(NOTHING, nodes[:-1])
            contexts[opens] = NOTHING
        return log10 * NATS

    def score_after(self, contexts: IntArray, words: IntArray) -> FloatArray:
        """(B,) nats: the log-probability of one word after each of B contexts."""
        scores = self.levels[0].log10_probs[words].astype(np.float64)
        for k, level in enumerate(self.levels[1:]):
            scores += self.levels[k].log10_backoff(contexts[k])
            nodes = level.find(contexts[k], words)
            scores[nodes != NOTHING] = level.log10_probs[nodes[nodes != NOTHING]]
        return scores * NATS

    # To arrays and back

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all levels as named arrays, ``words_1``, ``offsets_1`` … ``log10_backoffs_n``."""
        return {f"{name}_{k}": getattr(level, name) for k, level in enumerate(self.levels, 1) for name in ARRAYS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> BackoffTable:
        """Return the table of the arrays that ``arrays`` returned. Raises ``DamagedStateError`` for other arrays."""
        width = len(taken(arrays, "words_1", WHOLE, (None,)))
        order, contexts = sum(name.startswith("words_") for name in arrays), 1
        levels = []
        for k in range(1, order + 1):
            levels.append(Level.from_arrays(width, arrays, k, order, contexts))
            contexts = len(levels[-1])
        if width < 2 or not np.array_equal(levels[0].words, np.arange(width)):
            raise DamagedStateError("the n-grams of order 1 are not the words")
        return cls(tuple(levels))


@compiled
def _fill(
    rows: FloatArray,
    contexts: IntArray,
    weights: FloatArray,
    shifts: FloatArray,
    unigrams: FloatArray,
    offsets: Arrays,
    words: Arrays,
    log10_probs: Arrays,
) -> None:
    """Write the unigrams into each row, and over them the probabilities after longer and longer contexts.

    It works row by row, so that a row is still in the processor's cache when it is written over. ``contexts``:
    (n - 1, B); ``weights``: (n, B) log10; ``shifts``: (B,) nats, the weight of the unigrams, and ``unigrams``: (V,)
    nats, both of the type of the rows. ``offsets``, ``words`` and ``log10_probs``: the arrays of the levels 2, 3 … n,
    as in the functions below.
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
