"""A back-off table: the n-grams of every order, and the probabilities that follow from them.

A look-up goes from order to order: the k-gram that ends at a token continues the (k-1)-gram that ends at the token
before. The probability of a word is that of the longest n-gram found, times the back-off weights of all longer
contexts. ``level`` describes the arrays, ``scoring`` how text is scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.counts.lookup.distributions import Distributions
from lmcompare.counts.lookup.level import NATS, NOTHING, Level
from lmcompare.counts.lookup.scoring import Scorer
from lmcompare.tokens import Encoded, FloatArray, IntArray

ARRAYS = ("words", "offsets", "counts", "log10_probs", "log10_backoffs")  # what a level is stored as


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

    # Contexts: an array (n - 1, B) int32, the nodes of the last 1, 2 … n - 1 words before each of B positions

    def beginning(self, size: int) -> IntArray:
        """Return the contexts of ``size`` positions with nothing before them, not even ``<s>``."""
        return np.full((self.order - 1, size), NOTHING, np.int32)

    def advance(self, contexts: IntArray, words: IntArray) -> IntArray:
        """Return the contexts one word (B,) further; ``<s>`` forgets all that came before it."""
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
        """(B, V) nats: the distribution of the next word after each of B contexts."""
        return self._distributions.rows(contexts, dtype)

    def top_k(self, contexts: IntArray, k: int) -> tuple[IntArray, FloatArray]:
        """(B, ``k``) twice: the ids of the most likely words after each context, and their nats."""
        return self._distributions.top_k(contexts, k)

    def score(self, text: Encoded, threads: int = 1) -> FloatArray:
        """(N,) nats: the log-probability of each token. ``threads`` change no figure."""
        return self._scorer.score(text, threads)

    def score_after(self, contexts: IntArray, words: IntArray) -> FloatArray:
        """(B,) nats: the log-probability of one word after each of B contexts."""
        scores = self.levels[0].log10_probs[words].astype(np.float64)
        for k, level in enumerate(self.levels[1:]):
            scores += self.levels[k].log10_backoff(contexts[k])
            nodes = level.find(contexts[k], words)
            scores[nodes != NOTHING] = level.log10_probs[nodes[nodes != NOTHING]]
        return scores * NATS

    def prepare(self) -> None:
        """Build the hash tables that ``score`` reads, which it does itself where that was not done."""
        self._scorer  # noqa: B018

    @cached_property
    def _scorer(self) -> Scorer:
        return Scorer(self.levels)

    @cached_property
    def _distributions(self) -> Distributions:
        return Distributions(self.levels)

    # To arrays and back

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all levels as named arrays, ``words_1``, ``offsets_1`` … ``log10_backoffs_n``."""
        return {f"{name}_{k}": getattr(level, name) for k, level in enumerate(self.levels, 1) for name in ARRAYS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], order: int) -> BackoffTable:
        """Return the table whose ``arrays`` these are. Raises ``KeyError`` if one is missing."""
        width = len(arrays["words_1"])
        return cls(tuple(Level(width, *(arrays[f"{name}_{k}"] for name in ARRAYS)) for k in range(1, order + 1)))


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
