"""The sums of the probabilities after each context of a back-off table, and weights that make the sums one."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from lmcompare.counts.level import NOTHING, Level
from lmcompare.counts.table import BackoffTable
from lmcompare.tokens import FloatArray, IntArray

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
            levels.append(Level(level.width, level.words, level.offsets, level.counts, probs, backoffs))
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


def logarithms(values: FloatArray) -> npt.NDArray[np.float32]:
    """Return log10 as float32, ``LEAST`` for 0."""
    with np.errstate(divide="ignore"):
        logs: npt.NDArray[np.float32] = np.maximum(np.log10(values), LEAST).astype(np.float32)
    return logs


def _linear(log10: npt.NDArray[np.float32]) -> FloatArray:
    return 10.0 ** np.maximum(log10.astype(np.float64), LEAST)
