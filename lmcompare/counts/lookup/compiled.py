"""Look-ups in a back-off table as compiled loops: scores, whole distributions and the likeliest words.

A context that few words were seen after is searched by looking at them all. The words after the others stand in a
hash table of their nodes, one an order; a look-up costs a fetch or two from memory, whatever the size of the table.
Text is taken in blocks, and a block order by order, so that the look-ups of many words are under way at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled, share
from lmcompare.counts.lookup.table import NATS, NOTHING, BackoffTable
from lmcompare.tokens import Encoded, FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]
Arrays = tuple[npt.NDArray[Any], ...]  # one an order

BLOCK = 2**14  # words that are looked up at a time
GROUP = 64  # children that are looked at together for whether one is likely enough
ROUNDING = 1e-4  # more than float32 changes a log10
FEW = 12  # children of a context that are looked at one by one
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio (Knuth 1973, section 6.4)
UPPER = np.uint64(32)
ONE = np.uint64(1)


@dataclass(frozen=True, eq=False)
class Step:
    """What leads from the contexts of k - 1 words to the k-grams.

    The arrays of level k, the back-off weights of the level below, and ``slots``, (a power of 2,): the nodes of the
    k-grams whose context has more than ``FEW`` children, where their hash puts them, and ``NOTHING`` elsewhere.
    """

    offsets: IntArray
    words: IntArray
    log10_probs: FloatArray
    log10_backoffs: FloatArray
    slots: IntArray

    @classmethod
    def to_level(cls, table: BackoffTable, k: int) -> Step:
        """Enter the k-grams of a table, k from 2 on."""
        level, lower = table.levels[k - 1], table.levels[k - 2]
        children = np.diff(level.offsets)
        size = 8
        while size < 1.5 * children[children > FEW].sum():
            size *= 2
        offsets, words = (_read_only(array.astype(np.int32, copy=False)) for array in (level.offsets, level.words))
        slots = np.full(size, NOTHING, np.int32)
        _enter(offsets, words, slots)
        return cls(offsets, words, _read_only(level.log10_probs), _read_only(lower.log10_backoffs), slots)


class CompiledTable:
    """The compiled loops over one table.

    ``threads``: how many parts of a text are scored at a time; the figures do not depend on it.
    """

    def __init__(self, table: BackoffTable) -> None:
        self._start = table.start
        self._unigrams = table.levels[0].log10_probs
        self._unigram_nats = (self._unigrams[: self._start].astype(np.float64) * NATS).astype(np.float32)
        self._ranked = np.argsort(-self._unigrams[: self._start], kind="stable").astype(np.int32)
        self._steps = [Step.to_level(table, k) for k in range(2, table.order + 1)]
        self._children = (
            tuple(step.offsets for step in self._steps),
            tuple(step.words for step in self._steps),
            tuple(step.log10_probs for step in self._steps),
        )

    def score(self, text: Encoded, threads: int = 1) -> FloatArray:
        """(N,) nats: the log-probability of each token."""
        scores = np.empty(len(text))
        begins = text.sentence_starts()
        first = np.zeros(len(text), np.bool_)
        first[begins] = True
        bounds = np.append(begins, len(text))

        def part(sentence: int, after: int) -> None:
            for here, block in self._blocks(text.ids, first, int(bounds[sentence]), int(bounds[after])):
                scores[here] = block

        if len(begins):
            share(threads, bounds, part)
        return scores

    def _blocks(self, ids: IntArray, first: BoolArray, begin: int, end: int) -> Iterator[tuple[slice, FloatArray]]:
        """Yield the scores of the positions ``begin``, where a sentence begins, to ``end``."""
        room, scores_room = np.empty((2, BLOCK), np.int32), np.empty(BLOCK)
        carried = [NOTHING] * len(self._steps)
        for at in range(begin, end, BLOCK):
            here = slice(at, min(at + BLOCK, end))
            words, opens = ids[here], first[here]
            contexts, nodes, scores = room[0, : len(words)], room[1, : len(words)], scores_room[: len(words)]
            _begin(words, self._unigrams, nodes, scores)
            opening = self._start
            for k, step in enumerate(self._steps):
                carried[k] = _shift(nodes, opens, opening, carried[k], contexts)
                _find(contexts, words, step.offsets, step.words, step.slots, nodes)
                _settle(contexts, nodes, step.log10_probs, step.log10_backoffs, scores)
                opening = NOTHING  # nothing longer ends in <s>
            yield here, scores * NATS

    # One position after each of B contexts: (n - 1, B) int32, the nodes of the last 1, 2 … n - 1 words

    def advance(self, contexts: IntArray, words: IntArray) -> IntArray:
        """Return the contexts (n - 1, B) one word (B,) further."""
        after = np.empty_like(contexts)
        for k, step in enumerate(self._steps[:-1]):
            _find(contexts[k], words, step.offsets, step.words, step.slots, after[k + 1])
        if len(after):
            after[0] = words
        return after

    def weights(self, contexts: IntArray) -> FloatArray:
        """(n, B) log10: row k - 1 is the weight of a k-gram's probability: of all contexts of k words and more."""
        weights = np.zeros((len(self._steps) + 1, contexts.shape[1]))
        for k in range(len(self._steps) - 1, -1, -1):
            _weigh(contexts[k], self._steps[k].log10_backoffs, weights[k + 1], weights[k])
        return weights

    def distributions(self, contexts: IntArray, rows: FloatArray) -> None:
        """Fill (B, V) float32 with the nats of the word after each of B contexts."""
        weights = self.weights(contexts)
        if self._steps:
            _fill(rows, contexts, weights, self._unigram_nats, *self._children)
        else:
            rows[:] = self._unigram_nats

    def likeliest(self, contexts: IntArray, places: int) -> tuple[IntArray, FloatArray]:
        """Return the ids (B, ``places``) of the likeliest words after each context and their nats, the likeliest
        first and equal ones by id, without the whole distributions.
        """
        size = contexts.shape[1]
        if not self._steps:
            best = self._ranked[:places]
            return np.tile(best, (size, 1)), np.tile(self._unigrams[best].astype(np.float64) * NATS, (size, 1))
        ids, log10 = np.full((size, places), NOTHING, np.int32), np.full((size, places), -np.inf)
        _collect(contexts, self.weights(contexts), self._ranked, self._unigrams, *self._children, ids, log10)
        return ids, log10 * NATS


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a view that is not written to, as those of a mapped file are: to compiled code they are one type."""
    view = array.view()
    view.flags.writeable = False
    return view


@compiled
def _home(context: int, word: int, mask: np.uint64) -> Any:
    key = (np.uint64(context) << UPPER) | np.uint64(word)
    return ((key * MULTIPLIER) >> UPPER) & mask


@compiled
def _enter(offsets: IntArray, words: IntArray, slots: IntArray) -> None:
    mask = np.uint64(len(slots) - 1)
    for context in range(len(offsets) - 1):
        if offsets[context + 1] - offsets[context] > FEW:
            for node in range(offsets[context], offsets[context + 1]):
                slot = _home(context, words[node], mask)
                while slots[slot] != NOTHING:
                    slot = (slot + ONE) & mask
                slots[slot] = node


@compiled
def _begin(words: IntArray, unigrams: FloatArray, nodes: IntArray, scores: FloatArray) -> None:
    for i in range(len(words)):
        nodes[i] = words[i]
        scores[i] = unigrams[words[i]]


@compiled
def _shift(nodes: IntArray, opens: BoolArray, opening: int, before: int, contexts: IntArray) -> int:
    """Write the contexts (n,) of n words: the context of a word is the node that ends at the word before it.

    Where a sentence ``opens``, it is ``opening``; at the first word it is ``before``. Returns that of the next word.
    """
    for i in range(len(opens)):
        contexts[i] = nodes[i - 1] if i else before
        if opens[i]:
            contexts[i] = opening
    return int(nodes[len(opens) - 1])


@compiled
def _find(
    contexts: IntArray, words: IntArray, offsets: IntArray, level_words: IntArray, slots: IntArray, nodes: IntArray
) -> None:
    """Write the nodes (n,) of the k-grams of n contexts and last words, or ``NOTHING``."""
    mask = np.uint64(len(slots) - 1)
    for i in range(len(words)):
        context, word, found = contexts[i], words[i], NOTHING
        if context >= 0:
            place = np.uint64(context)
            low, high = offsets[place], offsets[place + ONE]
            if high - low <= FEW:
                for node in range(low, high):  # to the end: a way out halfway would cost more than it saves
                    if level_words[np.uint64(node)] == word:
                        found = node
            else:
                slot = _home(context, word, mask)
                candidate = slots[slot]
                while candidate >= 0:
                    if level_words[np.uint64(candidate)] == word and low <= candidate and candidate < high:
                        found = candidate
                        break
                    slot = (slot + ONE) & mask
                    candidate = slots[slot]
        nodes[i] = found


@compiled
def _settle(
    contexts: IntArray, nodes: IntArray, log10_probs: FloatArray, log10_backoffs: FloatArray, scores: FloatArray
) -> None:
    """Turn the scores of n words by the order below into those of this order."""
    for i in range(len(scores)):
        if nodes[i] >= 0:
            scores[i] = log10_probs[np.uint64(nodes[i])]
        elif contexts[i] >= 0:
            scores[i] += log10_backoffs[np.uint64(contexts[i])]


@compiled
def _weigh(contexts: IntArray, log10_backoffs: FloatArray, longer: FloatArray, weights: FloatArray) -> None:
    for i in range(len(contexts)):
        weights[i] = longer[i]
        if contexts[i] != NOTHING:
            weights[i] += log10_backoffs[contexts[i]]


@compiled
def _fill(
    rows: FloatArray,
    contexts: IntArray,
    weights: FloatArray,
    unigram_nats: FloatArray,
    offsets: Arrays,
    words: Arrays,
    log10_probs: Arrays,
) -> None:
    """Write the unigrams into each row, and over them what is known of longer and longer contexts.

    Row by row, so that a row is still in the processor's cache when it is written over. ``offsets``, ``words`` and
    ``log10_probs``: of level 2, 3 … n, as in the functions below.
    """
    for i in range(len(rows)):
        row, weight = rows[i], np.float32(weights[0, i] * NATS)
        for word in range(len(unigram_nats)):
            row[word] = unigram_nats[word] + weight
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
    """Find the likeliest words after each context, among those seen after its longest part first.

    Few words come in once some have: only those are searched for after the longer contexts, where they would have
    another probability. ``ranked``: (V,) the words, the most frequent first; none comes in after one that does not.
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
                    for j in range(len(group)):  # which a processor does for many at once
                        some += group[j] >= bar
                    for j in range(len(group) if some else 0):
                        word, value = after[first + j], group[j] + above
                        if value >= least and not _follows(word, contexts[:, i], k + 1, offsets, words):
                            _insert(best, scores, word, value)
                            least = scores[-1]
        for word in ranked:
            value = unigrams[word] + weights[0, i]
            if value < least:
                break
            if not _follows(word, contexts[:, i], 0, offsets, words):
                _insert(best, scores, word, value)
                least = scores[-1]


@compiled
def _follows(word: int, contexts: IntArray, least: int, offsets: Arrays, words: Arrays) -> bool:
    """Return whether a word was seen after one of the contexts (n - 1,) from ``least`` on, the longer ones."""
    for k in range(least, len(contexts)):
        context = contexts[k]
        if context != NOTHING:
            low, high, level_words = offsets[k][context], offsets[k][context + 1], words[k]
            while low < high:  # they rise
                middle = (low + high) >> 1
                if level_words[middle] < word:
                    low = middle + 1
                else:
                    high = middle
            if low < offsets[k][context + 1] and level_words[low] == word:
                return True
    return False


@compiled
def _insert(ids: IntArray, log10: FloatArray, word: int, value: float) -> None:
    """Put a word among the likeliest of one context, which are sorted, unless it is below them all."""
    place = len(ids)
    while place > 0 and (log10[place - 1] < value or (log10[place - 1] == value and ids[place - 1] > word)):
        place -= 1
    if place < len(ids):
        for other in range(len(ids) - 1, place, -1):
            ids[other] = ids[other - 1]
            log10[other] = log10[other - 1]
        ids[place] = word
        log10[place] = value
