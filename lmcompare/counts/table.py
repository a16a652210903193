"""A back-off table: the n-grams of every order, and the probabilities that follow from them.

A look-up goes from order to order: the k-gram that ends at a token continues the (k-1)-gram that ends at the token
before. The probability of a word is that of the longest n-gram found, times the back-off weights of all longer
contexts. ``level`` describes the arrays, ``scoring`` how text is scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare import memory
from lmcompare.compiled import compiled
from lmcompare.counts.level import ARRAYS, NATS, NOTHING, Float32Array, Level, place_of, read_only
from lmcompare.counts.room import IN_MEMORY, Room
from lmcompare.counts.scoring import Scorer
from lmcompare.state import WHOLE, DamagedStateError, taken
from lmcompare.tokens import Encoded, FloatArray, IntArray

BLOCK = 2**16  # tokens that are looked up together
Arrays = tuple[npt.NDArray[Any], ...]  # one for each order
GROUP = 64  # words after a context that are tested together: is one of them likely enough?
ROUNDING = 1e-4  # above the rounding error of a log10 in float32


def score(levels: Sequence[Level], text: Encoded) -> FloatArray:
    """Return the log-probability of each token: (N,) float64 nats."""
    scores = np.empty(len(text))
    early = len(levels) - 1  # a block begins a few tokens early, so that the contexts of its first tokens are found
    for begin in range(0, len(text), BLOCK):
        first, last = max(begin - early, 0), min(begin + BLOCK, len(text))
        scores[begin:last] = _score(levels, text, first, last)[begin - first :]
    return scores


def _score(levels: Sequence[Level], text: Encoded, first: int, last: int) -> FloatArray:
    """(last - first,) nats of these tokens; the first tokens lack a part of their contexts."""
    words: IntArray = text.ids[first:last].astype(np.int64)
    before = np.append(text.vocabulary.end, words[:-1])
    opens = before == text.vocabulary.end
    opens[0] = first == 0 or text.ids[first - 1] == text.vocabulary.end
    starts = np.searchsorted(text.starts, [first, last])
    opens[text.starts[starts[0] : starts[1]] - first] = True
    log10 = levels[0].log10_probs[words].astype(np.float64)
    contexts = np.where(opens, levels[0].width - 1, before)
    for level, longer in pairwise(levels):
        seen = np.flatnonzero(contexts != NOTHING)
        log10[seen] += level.log10_backoffs[contexts[seen]]
        nodes = longer.find(contexts, words)
        found = np.flatnonzero(nodes != NOTHING)
        log10[found] = longer.log10_probs[nodes[found]]
        contexts = np.append(NOTHING, nodes[:-1])
        contexts[opens] = NOTHING
    return log10 * NATS


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

    def top_k(self, contexts: IntArray, k: int) -> tuple[IntArray, FloatArray]:
        """Return the most likely words after each context, without the whole distributions.

        Parameters
        ----------
        contexts : ndarray of shape (n - 1, B)
        k : int
            How many words, at most V.

        Returns
        -------
        ids, nats : ndarrays of shape (B, k)
            The most likely word first, equal ones by id.
        """
        size = contexts.shape[1]
        if not len(contexts):
            best = self._ranked[:k]
            return np.tile(best, (size, 1)), np.tile(self._unigrams[best].astype(np.float64) * NATS, (size, 1))
        ids, log10 = np.full((size, k), NOTHING, np.int32), np.full((size, k), -np.inf)
        weights, contexts = self._weights(contexts), np.ascontiguousarray(contexts, np.int32)
        _collect(contexts, weights, self._ranked, self._unigrams, *self._longer, ids, log10)
        return ids, log10 * NATS

    def _weights(self, contexts: IntArray) -> FloatArray:
        """(n, B) log10: row k - 1 is the product of the weights of all contexts of k words and more."""
        weights = np.zeros((len(contexts) + 1, contexts.shape[1]))
        for k in range(len(contexts), 0, -1):
            weights[k - 1] = weights[k] + self.levels[k - 1].log10_backoff(contexts[k - 1])
        return weights

    @cached_property
    def _unigrams(self) -> Float32Array:
        """(V,) log10: the probabilities of the words alone, read-only."""
        return read_only(self.levels[0].log10_probs[: self.start])

    @cached_property
    def _unigram_nats(self) -> dict[Any, FloatArray]:
        """(V,) nats, by type: the log-probabilities of the words alone."""
        nats = self._unigrams.astype(np.float64) * NATS
        return {np.dtype(dtype): nats.astype(dtype) for dtype in (np.float32, np.float64)}

    @cached_property
    def _ranked(self) -> IntArray:
        """(V,) the words, the most likely first."""
        return np.argsort(-self._unigrams, kind="stable").astype(np.int32)

    @cached_property
    def _longer(self) -> tuple[Arrays, Arrays, Arrays]:
        """The offsets, words and log10 probabilities of the levels 2 … n, as compiled loops take them."""
        searches = [level.search for level in self.levels[1:]]
        probs = tuple(read_only(level.log10_probs) for level in self.levels[1:])
        return tuple(offsets for offsets, _ in searches), tuple(words for _, words in searches), probs

    def score(self, text: Encoded, threads: int = 1) -> FloatArray:
        """(N,) nats: the log-probability of each token, which does not depend on ``threads``."""
        self._searched[0] += len(text)
        if "_scorer" not in vars(self) and (self._searched[0] < len(self) or not self._hash_tables_fit()):
            return score(self.levels, text)
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
        """Build the hash tables that long texts are scored with, if memory allows it."""
        if self._hash_tables_fit():
            self._scorer  # noqa: B018

    def _hash_tables_fit(self) -> bool:
        return Scorer.fits(self.levels, memory.left())

    @cached_property
    def _scorer(self) -> Scorer:
        return Scorer(self.levels)

    @cached_property
    def _searched(self) -> list[int]:
        """The number of tokens that ``score`` was given so far."""
        return [0]

    # To arrays and back

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all levels as named arrays, ``words_1``, ``offsets_1`` … ``log10_backoffs_n``."""
        return {f"{name}_{k}": getattr(level, name) for k, level in enumerate(self.levels, 1) for name in ARRAYS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], order: int, *, verify: bool = True) -> BackoffTable:
        """Return the table of these arrays.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            Those that ``arrays`` returned.
        order : int
            n.
        verify : bool
            Whether to read the arrays; otherwise only their types and shapes are checked.

        Raises
        ------
        DamagedStateError
            If they are not the arrays of a table.
        """
        width = contexts = len(taken(arrays, "words_1", WHOLE, (None,)))
        levels = []
        for k in range(1, order + 1):
            level = Level.from_arrays(width, arrays, k, order, contexts if k > 1 else 1)
            if verify:
                level.check(k)
            levels.append(level)
            contexts = len(level)
        if not levels or width < 2 or not np.array_equal(levels[0].words, np.arange(width)):
            raise DamagedStateError("the n-grams of order 1 are not the words")
        return cls(tuple(levels))


def with_starts(text: Encoded, room: Room = IN_MEMORY) -> IntArray:
    """Return the (N + S,) int32 ids of a text with the word V, ``<s>``, before each of its S sentences."""
    given = (text.ids, text.starts, text.vocabulary.end, len(text.vocabulary))
    words: IntArray = room.empty(_put_starts(*given, np.empty(0, np.int32)), np.int32)
    _put_starts(*given, words)
    return words


def words_before(text: Encoded, at: IntArray) -> IntArray:
    """(B,) how many words come before each position in its sentence, ``<s>`` among them: 1 at its beginning."""
    begins = np.append(0, np.flatnonzero(text.ids == text.vocabulary.end) + 1)
    found: IntArray = 1 + at - np.maximum(text.context_starts(at), begins[np.searchsorted(begins, at, "right") - 1])
    return found


@compiled
def _put_starts(ids: IntArray, starts: IntArray, end: int, start: int, words: IntArray) -> int:
    """Write the ids with ``start`` before each sentence into ``words``, unless it is empty; return their number."""
    size = document = 0
    opens, writes = False, len(words) > 0
    for at in range(len(ids)):
        while document < len(starts) and starts[document] <= at:
            opens = True
            document += 1
        if opens:
            if writes:
                words[size] = start
            size += 1
        if writes:
            words[size] = ids[at]
        size += 1
        opens = ids[at] == end
    return size


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


@compiled
def _collect(
    contexts: IntArray,
    weights: FloatArray,
    ranked: IntArray,
    unigrams: FloatArray,
    offsets: Arrays,
    words: Arrays,
    log10_probs: Arrays,
    ids: IntArray,
    log10: FloatArray,
) -> None:
    """Find the most likely words after each context, first among the words seen after its longest part.

    Few words enter the list once it has some: only these are searched for after the longer contexts, where they would
    have another probability. ``ranked``: (V,) the words, the most likely first; after a word that does not enter the
    list, no other does.
    """
    for i in range(len(ids)):
        best, scores, least = ids[i], log10[i], -np.inf
        for k in range(len(contexts) - 1, -1, -1):
            context = contexts[k, i]
            if context != NOTHING:
                low, high, above = offsets[k][context], offsets[k][context + 1], weights[k + 1, i]
                after, log10_after = words[k][low:high], log10_probs[k][low:high]
                for first in range(0, len(after), GROUP):
                    group, some = log10_after[first : first + GROUP], 0
                    bar = np.float32(least - above - ROUNDING)
                    for j in range(len(group)):  # a processor does this for many words at once
                        some += group[j] >= bar
                    for j in range(len(group) if some else 0):
                        word, value = after[first + j], group[j] + above
                        if value >= least and not _follows(word, contexts[:, i], k + 1, offsets, words):
                            _insert(best, scores, word, value)
                            least = scores[-1]
        for word in ranked:
            value = unigrams[word] + weights[0, i]
            if value < least or (value == least and word > best[-1]):  # of equally likely words, the first enters
                break
            if not _follows(word, contexts[:, i], 0, offsets, words):
                _insert(best, scores, word, value)
                least = scores[-1]
        _fill_up(best)


@compiled
def _follows(word: int, contexts: IntArray, least: int, offsets: Arrays, words: Arrays) -> bool:
    """Return whether a word was seen after one of the longer contexts: those of (n - 1,) from ``least`` on."""
    for k in range(least, len(contexts)):
        context = contexts[k]
        if context != NOTHING and place_of(word, words[k], offsets[k][context], offsets[k][context + 1]) != NOTHING:
            return True
    return False


@compiled
def _fill_up(ids: IntArray) -> None:
    """Fill the free places with the first words that are not in the list yet; they have the probability 0."""
    word = 0
    for place in range(len(ids)):
        if ids[place] == NOTHING:
            while word in ids[:place]:
                word += 1
            ids[place] = word


@compiled
def _insert(ids: IntArray, log10: FloatArray, word: int, value: float) -> None:
    """Put a word among the most likely of one context, which are sorted, unless it is below them all."""
    place = len(ids)
    while place > 0 and (log10[place - 1] < value or (log10[place - 1] == value and ids[place - 1] > word)):
        place -= 1
    if place < len(ids):
        for other in range(len(ids) - 1, place, -1):
            ids[other] = ids[other - 1]
            log10[other] = log10[other - 1]
        ids[place] = word
        log10[place] = value
