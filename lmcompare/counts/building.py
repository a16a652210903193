"""Back-off tables from the n-grams of files: from n-grams in any order, and over the words of another vocabulary.

``Contexts`` has the sums of the probabilities after each context, and weights that make the sums one. ``build`` sorts
n-grams by context and adds missing contexts. ``mapped`` converts a table to the V types of a vocabulary, so that it
stays a distribution. A token outside the vocabulary is ``<unk>``, so ``<unk>`` gets the probability of all words that
the table has and the vocabulary lacks. The table's own ``<unk>`` stands for the words that the table lacks: types of
the vocabulary, which share its probability evenly, and words that neither has, which have a share of the same size,
also in ``<unk>``. In a context, all of them are the table's ``<unk>``. Let U(h) be the probability that the table
gives ``<unk>`` after the context h, A(h) the probability that it gives to the words that the vocabulary lacks, and m
the number of types that the table lacks:

    p(<unk> | h) = A(h) + U(h) / (m + 1)      p(lacking type | h) = U(h) / (m + 1)

All other probabilities are those of the table, so that the V probabilities have the same sum as the table's own. U
and A follow the recursion of any back-off model, so the result is a back-off table itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lmcompare.compiled import compiled
from lmcompare.counts.table import NATS, NOTHING, BackoffTable, BoolArray, Float32Array, Level
from lmcompare.errors import LmcompareError
from lmcompare.tokens import UNKNOWN_ID, FloatArray, IntArray, Vocabulary

SHARED = "{:,} of the {:,} types are not in the file: they share the probability of its <unk> evenly."
LEAST = -120.0  # log10; in place of the logarithm of 0
NEXT_TO_NOTHING = 1e-9  # a probability below this is a rounding error


class Contexts:
    """All C contexts of a table, numbered from the shortest on: 0 is the empty context.

    A context backs off to its *parent*, its longest proper suffix that is a context, too. Probabilities (by order)
    and weights (by context) are float64, not logarithms, and may be changed from the lowest order up.
    """

    def __init__(self, table: BackoffTable) -> None:
        self.table = table
        sizes = [1, *(len(level) for level in table.levels[:-1])]
        self.first: IntArray = np.append(0, np.cumsum(sizes))  # [k]: the first context of k words
        self.probs: list[FloatArray] = [_linear(level.log10_probs) for level in table.levels]
        self.probs[0][table.start] = 0.0  # <s> is never predicted
        self.weights = np.concatenate([[1.0], *(_linear(level.log10_backoffs) for level in table.levels[:-1])])

    def __len__(self) -> int:
        return int(self.first[-1])

    @cached_property
    def parents(self) -> IntArray:
        """(C,) the parent of each context; the empty context is its own."""
        levels, parents = self.table.levels, np.zeros(len(self), np.int64)
        suffixes: IntArray = np.full(self.table.start + 1, NOTHING)  # the nodes of n-grams without their first word
        for k in range(2, len(levels)):
            level = levels[k - 1]
            found = level.words if k == 2 else levels[k - 2].find(suffixes[level.contexts], level.words)
            suffixes = found.astype(np.int64)
            own = self.first[k - 1] + suffixes
            lacking = np.flatnonzero(suffixes == NOTHING)
            for j in range(k - 2, 0, -1):  # a suffix of fewer words
                nodes = self._ending(k, lacking, j)
                own[lacking[nodes != NOTHING]] = self.first[j] + nodes[nodes != NOTHING]
                lacking = lacking[nodes == NOTHING]
            parents[self.first[k] : self.first[k + 1]] = own
        return parents

    def _ending(self, k: int, nodes: IntArray, length: int) -> IntArray:
        """Return the nodes of the last ``length`` words of k-grams; ``NOTHING`` where they are not an n-gram."""
        words = []
        for j in range(k, k - length, -1):
            words.append(self.table.levels[j - 1].words[nodes].astype(np.int64))
            nodes = self.table.levels[j - 1].contexts[nodes]
        ending: IntArray = words.pop()
        for level in self.table.levels[1:length]:
            ending = level.find(ending, words.pop())
        return ending

    def of(self, k: int) -> IntArray:
        """(n_k,) the context of each k-gram."""
        contexts: IntArray = self.first[k - 1] + self.table.levels[k - 1].contexts
        return contexts

    def backed_off(self, k: int) -> FloatArray:
        """(n_k,) the probability of the last word of each k-gram after the parent of its context; k is above 1."""
        words = self.table.levels[k - 1].words.astype(np.int64)
        contexts, probs, weight = self.parents[self.of(k)], np.zeros(len(words)), np.ones(len(words))
        open_ = np.arange(len(words))
        for j in range(k - 2, -1, -1):  # contexts of j words
            here = open_[contexts[open_] >= self.first[j]]
            if j == 0:
                probs[here] = weight[here] * self.probs[0][words[here]]
                break
            nodes = self.table.levels[j].find(contexts[here] - self.first[j], words[here])
            told, left = here[nodes != NOTHING], here[nodes == NOTHING]
            probs[told] = weight[told] * self.probs[j][nodes[nodes != NOTHING]]
            weight[left] *= self.weights[contexts[left]]
            contexts[left] = self.parents[contexts[left]]
            open_ = np.setdiff1d(open_, told, assume_unique=True) if len(told) else open_
        return probs

    def sums(self) -> FloatArray:
        """(C,) the sum of the probabilities of all words after each context."""
        sums = np.ones(len(self))
        sums[0] = self.probs[0].sum()
        for k in range(2, len(self.table.levels) + 1):
            here, rest = self._explicit(k)
            where = slice(self.first[k - 1], self.first[k])
            sums[where] = here + self.weights[where] * (sums[self.parents[where]] - rest)
        return sums

    def normalised(self) -> BackoffTable:
        """Return the table with back-off weights that make the probabilities after every context sum to one.

        The weights are written into ``weights``, too. Probabilities stay as they are, with two exceptions: the
        unigrams are divided by their sum, and so are the probabilities after a context that leave nothing for other
        words.
        """
        self.probs[0] = self.probs[0] / self.probs[0].sum()
        for k in range(2, len(self.table.levels) + 1):
            here, rest = self._explicit(k)
            where = slice(self.first[k - 1], self.first[k])
            full = (here > 1 - NEXT_TO_NOTHING) | ((rest > 1 - NEXT_TO_NOTHING) & (here > 0))
            scale = np.where(full, here, 1.0)
            self.probs[k - 1] = self.probs[k - 1] / scale[self.table.levels[k - 1].contexts]
            left, below = np.where(full, 0.0, 1 - here), np.where(full, 1.0, 1 - rest)
            self.weights[where] = left / below
        levels = []
        for k, level in enumerate(self.table.levels, 1):
            probs = logarithms(self.probs[k - 1])
            if k == 1:
                probs[self.table.start] = level.log10_probs[self.table.start]
            backoffs = level.log10_backoffs
            if k < len(self.table.levels):
                backoffs = logarithms(self.weights[self.first[k] : self.first[k + 1]])
            levels.append(replace(level, log10_probs=probs, log10_backoffs=backoffs))
        return BackoffTable(tuple(levels))

    def named(self, context: int) -> IntArray:
        """Return the words of a context."""
        k = int(np.searchsorted(self.first, context, side="right")) - 1
        node, words = context - int(self.first[k]), []
        for level in reversed(self.table.levels[:k]):
            words.append(int(level.words[node]))
            node = int(level.contexts[node])
        return np.array(words[::-1], np.int64)

    def _explicit(self, k: int) -> tuple[FloatArray, FloatArray]:
        """(n_{k-1},) twice: by context, the sum over its k-grams, and over their last words after its parent."""
        contexts, size = self.table.levels[k - 1].contexts, int(self.first[k] - self.first[k - 1])
        here: FloatArray = np.bincount(contexts, self.probs[k - 1], minlength=size).astype(np.float64)
        rest: FloatArray = np.bincount(contexts, self.backed_off(k), minlength=size).astype(np.float64)
        return here, rest


def logarithms(values: FloatArray) -> Float32Array:
    """Return log10 as float32, ``LEAST`` for 0."""
    with np.errstate(divide="ignore"):
        logs: Float32Array = np.maximum(np.log10(values), LEAST).astype(np.float32)
    return logs


def _linear(log10: Float32Array) -> FloatArray:
    return 10.0 ** np.maximum(log10.astype(np.float64), LEAST)


@dataclass(frozen=True, eq=False)
class Grams:
    """n k-grams in lexicographic order: ``rows``, (n, k) int32 words, ``log10_probs`` and ``log10_backoffs``, (n,).

    A probability of NaN stands for the one that backing off gives.
    """

    rows: IntArray
    log10_probs: Float32Array
    log10_backoffs: Float32Array

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: BoolArray | IntArray) -> Grams:
        """Return some of the n-grams."""
        return Grams(self.rows[which], self.log10_probs[which], self.log10_backoffs[which])


def joined(parts: Sequence[Grams]) -> Grams:
    """Return the n-grams of several parts, all of one order, sorted."""
    rows = np.concatenate([part.rows for part in parts]).astype(np.int32)
    probs = np.concatenate([part.log10_probs for part in parts])
    backoffs = np.concatenate([part.log10_backoffs for part in parts])
    return Grams(rows, probs, backoffs).take(lexicographic(rows))


def lexicographic(rows: IntArray) -> IntArray:
    """(n,) the order that sorts the rows (n, k)."""
    return np.lexsort(rows.T[::-1])


@compiled
def contexts_of(rows: IntArray, contexts: IntArray) -> IntArray:
    """(n,) the number of each row's context (the row without its last word) in ``contexts`` (m, k - 1); both sorted.

    ``NOTHING``, -1, where the context is not among them.
    """
    n, k = rows.shape
    found = np.full(n, -1, np.int64)
    at = 0
    for i in range(n):
        while at < len(contexts):
            order = 0
            for column in range(k - 1):
                if contexts[at, column] != rows[i, column]:
                    order = -1 if contexts[at, column] < rows[i, column] else 1
                    break
            if order == 0:
                found[i] = at
            if order >= 0:
                break
            at += 1
    return found


def build(orders: Sequence[Grams], width: int) -> BackoffTable:
    """Return the table of n-grams of order 1, 2 …; the unigrams are all the words 0 … ``width`` - 1.

    A context that is missing among the n-grams of its own order is added with the probability that backing off gives
    and the weight 1, so that no probability changes.
    """
    orders = list(orders)
    for k in range(len(orders) - 1, 1, -1):  # from the longest down, since an added context needs its own context
        rows = orders[k].rows
        without = rows[contexts_of(rows, orders[k - 1].rows) == NOTHING, :-1]
        if len(without):
            put_in = np.unique(without, axis=0)
            unknown, one = np.full(len(put_in), np.nan, np.float32), np.zeros(len(put_in), np.float32)
            orders[k - 1] = joined([orders[k - 1], Grams(put_in, unknown, one)])
    none = np.zeros(0, np.int64)
    levels: list[Level] = []
    shorter: IntArray = np.zeros((1, 0), np.int32)  # the empty context
    for k, grams in enumerate(orders, 1):
        contexts = contexts_of(grams.rows, shorter)
        offsets = np.append(0, np.cumsum(np.bincount(contexts, minlength=len(shorter))))
        probs = grams.log10_probs
        if len(left_open := np.flatnonzero(np.isnan(probs))):
            probs = probs.copy()
            probs[left_open] = _backed_off(levels, grams.rows[left_open]) / NATS
        backoffs = grams.log10_backoffs if k < len(orders) else none.astype(np.float32)
        levels.append(Level(width, np.ascontiguousarray(grams.rows[:, -1]), offsets, none, probs, backoffs))
        shorter = grams.rows
    return BackoffTable(tuple(levels))


def _backed_off(levels: Sequence[Level], grams: IntArray) -> FloatArray:
    """(m,) nats: the log-probability that the levels 1 … k - 1 give to the last word of each k-gram (m, k)."""
    k = grams.shape[1]
    words = grams[:, -1].astype(np.int64)
    scores = levels[0].log_probs_of(words)
    for j in range(1, k):
        context: IntArray = grams[:, k - 1 - j].astype(np.int64)
        for i in range(1, j):
            context = levels[i].find(context, grams[:, k - 1 - j + i])
        scores = scores + levels[j - 1].log10_backoff(context) * NATS
        if j < k - 1:
            nodes = levels[j].find(context, words)
            found = nodes != NOTHING
            scores[found] = levels[j].log_probs_of(nodes[found])
    return scores


@dataclass(frozen=True, eq=False)
class Mapped:
    """``table``, over the V types of a vocabulary, and ``lacking``, (m,), the types that the given table lacked.

    In the n-grams of ``table``, the first lacking type stands for all of them as the last word, and ``<unk>`` stands
    for them in the context. ``left_over``: how many words of the given table the vocabulary lacks.
    """

    table: BackoffTable
    lacking: IntArray
    left_over: int


def check_unknown(vocabulary: Vocabulary) -> None:
    """Raise ``LmcompareError`` for a vocabulary without ``<unk>``: other words of a file become ``<unk>``."""
    if vocabulary.unknown is None:
        raise LmcompareError(
            "an n-gram file needs tokens with an unknown word, which gets the probability of the file's other words,"
            " but these tokens have none: use words (--tokens word)"
        )


def mapped(contexts: Contexts, words: Vocabulary, vocabulary: Vocabulary) -> Mapped:
    """Convert the table of ``contexts``, which is over ``words``, to ``vocabulary``, which has ``<unk>``."""
    table, start, unknown = contexts.table, len(vocabulary), UNKNOWN_ID
    ids = {token: i for i, token in enumerate(vocabulary.tokens)}
    to = np.array([ids.get(token, NOTHING) for token in words.tokens] + [start])  # (words + <s>,)
    lacking = np.setdiff1d(np.arange(start), to)
    to_unknown = to == NOTHING
    shared, added = _unknown_mass(contexts, to_unknown)
    share = shared / (len(lacking) + 1)
    orders = [_unigrams(contexts, to, share[0], added[0], lacking, start)]
    for k, (level, rows) in enumerate(zip(table.levels[1:], list(table.grams())[1:], strict=True), 2):
        rows = to[rows]
        possible = ((rows[:, :-1] != NOTHING) & (rows[:, :-1] != vocabulary.end)).all(axis=1)
        own, of_unknown = possible & (rows[:, -1] > unknown), possible & (rows[:, -1] <= unknown)
        backoffs = level.log10_backoffs if k < table.order else np.zeros(len(level), np.float32)
        parts = [Grams(rows, logarithms(contexts.probs[k - 1]), backoffs).take(own)]
        # one n-gram that ends in <unk> for each context that is followed by <unk> or by a word that becomes <unk>
        explicit = level.words == unknown
        nodes = np.flatnonzero(of_unknown)
        if len(nodes):
            of, which = np.unique(contexts.of(k)[nodes], return_index=True)
            merged = rows[nodes[which]]
            merged[:, -1] = unknown
            weights = np.zeros(len(of), np.float32)  # the weight of the file's own n-gram, if it has one
            its_own = np.flatnonzero(of_unknown & explicit)
            place = np.searchsorted(of, contexts.of(k)[its_own])
            weights[place] = backoffs[its_own]
            parts.append(Grams(merged, logarithms(share[of] + added[of]), weights))
            if len(lacking):
                merged = merged[place]
                merged[:, -1] = lacking[0]
                parts.append(Grams(merged, logarithms(share[of[place]]), np.zeros(len(place), np.float32)))
        orders.append(joined(parts))
    return Mapped(build(orders, start + 1), lacking, int(to_unknown.sum()))


def _unknown_mass(contexts: Contexts, to_unknown: IntArray) -> tuple[FloatArray, FloatArray]:
    """(C,) twice: after each context, the probability of the table's ``<unk>``, and that of words that become it."""
    table = contexts.table
    shared, added = np.zeros(len(contexts)), np.zeros(len(contexts))
    shared[0] = contexts.probs[0][0]
    added[0] = contexts.probs[0][to_unknown].sum()
    for k in range(2, table.order + 1):
        level, probs = table.levels[k - 1], contexts.probs[k - 1]
        where, of = slice(contexts.first[k - 1], contexts.first[k]), contexts.of(k)
        parents, weights = contexts.parents[where], contexts.weights[where]
        shared[where] = weights * shared[parents]
        unknown = level.words == 0
        shared[of[unknown]] = probs[unknown]
        gained = np.where(to_unknown[level.words], probs - contexts.weights[of] * contexts.backed_off(k), 0.0)
        gains = np.bincount(level.contexts, gained, minlength=len(parents))
        added[where] = np.maximum(weights * added[parents] + gains, 0.0)  # rounding may take it below 0
    return shared, added


def _unigrams(contexts: Contexts, to: IntArray, share: float, added: float, lacking: IntArray, start: int) -> Grams:
    level = contexts.table.levels[0]
    probs, log10_probs = np.full(start + 1, share), np.zeros(start + 1, np.float32)
    backoffs = np.zeros(start + 1, np.float32)
    known = to != NOTHING
    probs[to[known]] = contexts.probs[0][known]
    probs[0] = share + added
    log10_probs[:start] = logarithms(probs[:start])
    log10_probs[start] = level.log10_probs[-1]
    if len(level.log10_backoffs):
        backoffs[to[known]] = level.log10_backoffs[known]
        backoffs[lacking] = level.log10_backoffs[0]
    return Grams(np.arange(start + 1, dtype=np.int32)[:, None], log10_probs, backoffs)
