"""A back-off table: the n-grams of every order, their probabilities and back-off weights, as flat arrays.

The k-grams of one order are numbered 0 … n_k - 1 (their *nodes*) by the node of the context (the first k - 1 words,
a node of the order below) and, after the same context, by the last word. So the words that were seen after a context
stand side by side, and looking n-grams up is one binary search among them an order: the k-gram that ends at a token
continues the (k-1)-gram that ends at the token before. At order 1 the node is the word itself; the word V is
``<s>``, the beginning of a sentence, which is a context and never a prediction. A look-up touches no more of the
arrays than it needs, so that they may lie in a file that is mapped into memory.
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

from lmcompare.tokens import Encoded, FloatArray, IntArray

ARRAYS = ("words", "offsets", "counts", "log10_probs", "log10_backoffs")  # what a level is stored as
NATS = math.log(10)  # in log10
NOTHING = -1  # in place of a word or a node: there is none
CHUNK_TOKENS = 2**16  # how many tokens are scored at a time


@dataclass(frozen=True, eq=False)
class Level:
    """The n_k k-grams of one order k.

    ``width``: V + 1. ``words``: (n_k,) int32, the last word of each. ``offsets``: (n_{k-1} + 1,) int32 or int64; the
    k-grams with context node c are ``offsets[c]:offsets[c + 1]``, their words rising. ``counts``: (n_k,) int64, what
    the probabilities were estimated from; empty where that is not known. ``log10_probs``: (n_k,) float32, log10 of
    the probabilities. ``log10_backoffs``: (n_k,) float32, log10 of the weight of the shorter context after this
    k-gram, 0 where nothing was seen after it; empty at the highest order.
    """

    width: int
    words: IntArray
    offsets: IntArray
    counts: IntArray
    log10_probs: npt.NDArray[np.float32]
    log10_backoffs: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def log_probs(self) -> FloatArray:
        """(n_k,) float64 nats: the probabilities."""
        return self.log10_probs.astype(np.float64) * NATS

    @cached_property
    def contexts(self) -> IntArray:
        """(n_k,) int64, rising: the context node of each k-gram."""
        return np.repeat(np.arange(len(self.offsets) - 1, dtype=np.int64), np.diff(self.offsets))

    def find(self, contexts: IntArray, words: IntArray) -> IntArray:
        """(n,) the nodes of the k-grams of these context nodes and last words; ``NOTHING`` where there is none.

        After the context ``NOTHING`` there is none, nor one of the words ``NOTHING`` and ``<s>``, so callers need not
        set them apart.
        """
        return find(self.offsets, self.words, contexts, words)

    def log_probs_of(self, nodes: IntArray) -> FloatArray:
        """(n,) float64 nats: the probabilities of these k-grams; the others are not touched."""
        return self.log10_probs[nodes].astype(np.float64) * NATS

    def backoff(self, nodes: IntArray) -> FloatArray:
        """(n,) float64 nats: the back-off weights of these contexts, 0 for ``NOTHING``, a context never seen."""
        return self.log10_backoff(nodes) * NATS

    def log10_backoff(self, nodes: IntArray) -> FloatArray:
        """(n,) float64 log10: the same."""
        weights, seen = np.zeros(nodes.shape), nodes != NOTHING
        weights[seen] = self.log10_backoffs[nodes[seen]]
        return weights


@dataclass(frozen=True, eq=False)
class BackoffTable:
    """The n levels of an n-gram model over V words; ``log10_probs`` holds a k-gram's probability in full.

    The probability of a word is that of the longest n-gram found, times the back-off weights of all longer contexts.
    """

    levels: tuple[Level, ...]

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

    # Contexts: a list of n - 1 arrays (B,), the nodes of the last 1, 2 … n - 1 words before each of B positions

    def beginning(self, size: int) -> list[IntArray]:
        """Return the contexts of ``size`` positions with nothing before them, not even ``<s>``."""
        return [np.full(size, NOTHING, np.int64) for _ in range(self.order - 1)]

    def advance(self, contexts: list[IntArray], words: IntArray) -> list[IntArray]:
        """Return the contexts one word (B,) further; ``<s>`` forgets all that came before it."""
        if self.order == 1:
            return []
        longer = [level.find(c, words) for level, c in zip(self.levels[1:-1], contexts[:-1], strict=True)]
        return [words, *longer]

    def contexts_at(self, text: Encoded, at: IntArray) -> list[IntArray]:
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

    def distributions(self, contexts: list[IntArray], size: int, dtype: npt.DTypeLike = np.float64) -> FloatArray:
        """(B, V) nats: the distribution of the next word after each of B = ``size`` contexts.

        A row is the unigram row times the weight of all contexts, over which the words that were seen after the last
        word are written, then those seen after the last two, and so on.
        """
        weights = np.zeros((self.order, size))  # [k - 1] log10: the product of the weights of k words and more
        for k in range(self.order - 1, 0, -1):
            weights[k - 1] = weights[k] + self.levels[k - 1].log10_backoff(contexts[k - 1])
        unigrams = self.levels[0].log_probs[: self.start].astype(dtype)
        rows: FloatArray = unigrams + (weights[0] * NATS).astype(dtype)[:, None]  # (V,) + (B, 1) -> (B, V)
        flat = rows.reshape(-1)
        for level, nodes, weight in zip(self.levels[1:], contexts, weights[1:], strict=True):
            known = np.flatnonzero(nodes != NOTHING)
            first, last = level.offsets[nodes[known]], level.offsets[nodes[known] + 1]
            lengths = last - first
            within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths - first, lengths)
            cells = np.repeat(known * self.start, lengths) + level.words[within]
            flat[cells] = (level.log10_probs[within] + np.repeat(weight[known], lengths)) * NATS
        return rows

    def score(self, text: Encoded, guessed: Encoded | None = None) -> FloatArray:
        """(N,) nats: the log-probability of each token.

        ``guessed``: a text of the same sentences whose tokens are the ones scored, after the contexts of ``text``.
        """
        if guessed is None:
            chunks = [self._score(words, words) for words in self._chunks(text)]
        else:
            both = zip(self._chunks(text), self._chunks(guessed), strict=True)
            chunks = [self._score(words, others) for words, others in both]
        return np.concatenate(chunks) if chunks else np.zeros(0)

    def _score(self, words: IntArray, guessed: IntArray) -> FloatArray:
        """Score whole sentences, each with ``<s>`` before it, which is left out of what comes back."""
        nodes, scores = words, self.levels[0].log10_probs[guessed].astype(np.float64)
        for shorter, level in pairwise(self.levels):
            contexts = np.append(NOTHING, nodes[:-1])
            scores = scores + shorter.log10_backoff(contexts)
            nodes = level.find(contexts, words)
            of_guessed = nodes if guessed is words else level.find(contexts, guessed)
            found = of_guessed != NOTHING
            scores[found] = level.log10_probs[of_guessed[found]]
        tokens: FloatArray = scores[words != self.start] * NATS
        return tokens

    def _chunks(self, text: Encoded) -> Iterator[IntArray]:
        """Yield whole sentences, some ``CHUNK_TOKENS`` tokens at a time, each with ``<s>`` before it."""
        begins = text.sentence_starts()
        cuts = np.unique(np.searchsorted(begins, np.arange(0, len(text), CHUNK_TOKENS)))
        for first, last in pairwise([*cuts, len(begins)]):
            if first < last:
                begin, end = begins[first], begins[last] if last < len(begins) else len(text)
                yield np.insert(text.ids[begin:end].astype(np.int64), begins[first:last] - begin, self.start)

    # To arrays and back

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all levels as named arrays, ``words_1``, ``offsets_1`` … ``log10_backoffs_n``."""
        return {f"{name}_{k}": getattr(level, name) for k, level in enumerate(self.levels, 1) for name in ARRAYS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], order: int) -> BackoffTable:
        """Return the table whose ``arrays`` these are. Raises ``KeyError`` if one is missing."""
        width = len(arrays["words_1"])
        return cls(tuple(Level(width, *(arrays[f"{name}_{k}"] for name in ARRAYS)) for k in range(1, order + 1)))


def find(offsets: IntArray, level_words: IntArray, contexts: IntArray, words: IntArray) -> IntArray:
    """(n,) the nodes of the k-grams of these context nodes and last words; ``NOTHING`` where there is none.

    ``offsets``, ``level_words``: those of the level. A binary search among the words after each context; whatever the
    offsets hold, nothing else is read.
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


def compact(numbers: IntArray) -> IntArray:
    """Return whole numbers from 0 on in 32 bits, if they fit, so that a table does not show how it was counted."""
    return numbers.astype(np.int32, copy=False) if int(numbers.max(initial=0)) < 2**31 else numbers


def with_starts(text: Encoded) -> IntArray:
    """Return the (N + S,) int32 ids of a text with the word V, ``<s>``, before each of its S sentences."""
    begins = text.sentence_starts()
    words = np.full(len(text) + len(begins), len(text.vocabulary), np.int32)
    is_token = np.ones(len(words), np.bool_)
    is_token[begins + np.arange(len(begins))] = False
    words[is_token] = text.ids
    return words


def words_before(text: Encoded, at: IntArray) -> IntArray:
    """(B,) how many words stand before each position in its sentence, ``<s>`` among them: 1 at its beginning."""
    after = np.flatnonzero(text.ids == text.vocabulary.end) + 1
    begins = np.union1d(np.append(0, text.starts), after)
    found: IntArray = 1 + at - begins[np.searchsorted(begins, at, side="right") - 1]
    return found
