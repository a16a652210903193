"""A chain: one smoothed n-gram model over a sequence of features.

A chain predicts words, or the classes of words, or words whose class is known. In the last case the class is the
first feature, with distance 0, and below it the words of the class share the probability evenly. A context backs off
to the context without its last feature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.models.mixture import discounting
from lmcompare.models.mixture.context_trees import NOTHING, Tree, grow
from lmcompare.models.mixture.features import Feature, feature_values
from lmcompare.tokens import IntArray

Float32Array = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.floating[Any]]
FITTED = 2**15  # the greatest number of tokens that discounts are fitted to

ARRAYS = ("last", "children", "offsets", "words", "own", "gamma", "amounts", "first")  # the stored arrays


@dataclass(frozen=True, eq=False)
class Chain:
    """A context tree of C contexts and G pairs with probabilities.

    Parameters
    ----------
    features : tuple of Feature
        The features in their order; the last one is dropped first.
    target : int
        The map from words to what is predicted.
    last, children, offsets, words : IntArray
        ``features``, ``children``, ``offsets`` and ``words`` of ``context_trees.Tree``.
    own : array of shape (G,)
        The part of a pair's probability that comes from its own count.
    gamma : array of shape (C,)
        The back-off weight of each context.
    amounts : array of shape (C,)
        The evidence of each context, ln(1 + its total count).
    first : array of shape (types,)
        The probabilities at the level ``base``.
    """

    features: tuple[Feature, ...]
    target: int
    last: IntArray
    children: IntArray
    offsets: IntArray
    words: IntArray
    own: Float32Array
    gamma: Float32Array
    amounts: Float32Array
    first: Float32Array

    @property
    def base(self) -> int:
        """The level at which the chain begins: 1 if the class of the word is known, else 0."""
        return int(bool(self.features) and self.features[0][0] == 0)

    @property
    def tree(self) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        """The arrays of the tree for the compiled loops."""
        return self.last, self.children, self.offsets, self.words

    @cached_property
    def entries(self) -> IntArray:
        """(X,) the node of each first feature."""
        return entries(self.last, self.children)

    def score(self, before: IntArray, words: IntArray, maps: Sequence[IntArray]) -> tuple[Float32Array, Float32Array]:
        """Return the probabilities, (B,), of words after their histories, (D, B), and the evidence, (L, B)."""
        from lmcompare.models.mixture import chains_compiled

        features = feature_values(self.features, maps, before, words)
        p, evidence = np.empty(len(words), np.float32), np.zeros(features.shape, np.float32)
        targets = maps[self.target][words]
        chains_compiled.score(
            *(features, targets, self.tree, self.entries, self.base, self.first, self.own, self.gamma),
            *(self.amounts, p, evidence),
        )
        return p, evidence

    def find(self, features: IntArray) -> tuple[IntArray, Float32Array]:
        """Return the nodes, (L + 1, B), of the contexts with these features, (L, B), and their evidence, (L, B)."""
        found = nodes(features, self.tree, self.entries)
        return found, np.where(found[1:] == NOTHING, np.float32(0), self.amounts[found[1:]])

    def spread(self, found: IntArray, rows: IntArray, weights: FloatArray, out: FloatArray) -> FloatArray:
        """Add weighted distributions above the base to rows, and return the weights, (B,), left for ``first``."""
        from lmcompare.models.mixture import chains_compiled

        rest = np.empty(len(weights))
        chains_compiled.spread(found, rows, weights, self.tree, self.base, self.own, self.gamma, out, rest)
        return rest

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays to store."""
        return {name: getattr(self, name) for name in ARRAYS}

    @classmethod
    def from_arrays(
        cls, features: Sequence[Sequence[int]], target: int, arrays: Mapping[str, npt.NDArray[Any]]
    ) -> Chain:
        """Return the chain with these stored arrays."""
        return cls(tuple((d, m) for d, m in features), target, *(arrays[name] for name in ARRAYS))


def entries(last_features: IntArray, children: IntArray) -> IntArray:
    """(X,) the child of the root for each feature; ``NOTHING`` if there is none. X is at least 1."""
    first, last = int(children[0]), int(children[1])
    found = np.full(int(last_features[first:last].max(initial=0)) + 1, NOTHING, np.int64)
    found[last_features[first:last]] = np.arange(first, last)
    return found


def nodes(features: IntArray, tree: Any, first_nodes: IntArray) -> IntArray:
    """(L + 1, B) the nodes of the contexts of 0 … L features; ``NOTHING`` if a context was not seen."""
    from lmcompare.models.mixture import chains_compiled

    found = np.full((len(features) + 1, features.shape[1]), NOTHING, np.int64)
    chains_compiled.nodes(features, tree, first_nodes, found)
    return found


def train(
    features: Sequence[Feature],
    target: int,
    maps: Sequence[IntArray],
    before: IntArray,
    words: IntArray,
    held_out: tuple[IntArray, IntArray],
) -> tuple[Chain, FloatArray]:
    """Count the training text, and fit the discounts to a held-out text.

    Parameters
    ----------
    features, target : sequence of Feature, int
        Those of the chain.
    maps : sequence of IntArray of shape (V + 1,)
        The maps from words to words or classes.
    before, words : IntArray of shape (D, N), IntArray of shape (N,)
        The histories and words of the training text.
    held_out : tuple of two IntArray
        The histories and words of the held-out text. If it is empty, the discounts are rules of thumb.

    Returns
    -------
    tuple of Chain and FloatArray of shape (L + 1 - base, 5)
        The chain and its discounts and strengths.
    """
    base = int(bool(features) and features[0][0] == 0)
    below = (np.bincount(maps[target][:-1]) / len(maps[target][:-1])).astype(np.float32)  # uniform over the words
    types = len(below)
    tree = grow(list(feature_values(features, maps, before, words)), maps[target][words], types)
    sums = _sums(tree)
    if base:
        classes = maps[features[0][1]][:-1]
        below = (1 / np.bincount(classes)[classes]).astype(np.float32)
    values = _discounts(tree, features, maps, target, base, sums, below, held_out)
    own, gamma = _shares(tree, base, values, sums)
    first = below * gamma[0] if not base else below.copy()
    if base:
        found = entries(tree.features, tree.children)
        at = np.where(classes < len(found), found[np.minimum(classes, len(found) - 1)], NOTHING)
        first[at != NOTHING] *= gamma[at[at != NOTHING]]
    pairs = slice(tree.offsets[tree.levels[base]], tree.offsets[tree.levels[base + 1]])
    first[tree.words[pairs]] += own[pairs]
    amounts = np.log1p(sums[0]).astype(np.float32)
    arrays = (tree.features, tree.children, tree.offsets, tree.words)
    return Chain(tuple(features), target, *arrays, own, gamma, amounts, first), values


def _sums(tree: Tree) -> npt.NDArray[np.float32]:
    """(5, C) the total of each context, and how many of its counts are 1, 2, 3, and 4 or more."""
    kinds = np.minimum(tree.counts, discounting.COUNTS)
    parts = [tree.counts, *(kinds == j for j in range(1, discounting.COUNTS + 1))]
    return np.stack([np.add.reduceat(p.astype(np.int64), tree.offsets[:-1]) for p in parts]).astype(np.float32)


def _discounts(
    tree: Tree,
    features: Sequence[Feature],
    maps: Sequence[IntArray],
    target: int,
    base: int,
    sums: npt.NDArray[np.float32],
    below: Float32Array,
    held_out: tuple[IntArray, IntArray],
) -> FloatArray:
    """Return the discounts of the levels from ``base`` on."""
    from lmcompare.models.mixture import chains_compiled

    cuts = tree.offsets[tree.levels]
    rules = discounting.rules_of_thumb(np.split(tree.counts, cuts[1:-1])[base:])
    before, words = held_out
    if not len(words):
        return rules
    some = np.linspace(0, len(words) - 1, min(len(words), FITTED)).astype(np.int64)
    before, words = before[:, some], words[some]
    arrays = (tree.features, tree.children, tree.offsets, tree.words)
    found = nodes(feature_values(features, maps, before, words), arrays, entries(tree.features, tree.children))
    statistics = np.zeros((len(found), 6, len(words)), np.float32)
    targets = maps[target][words]
    chains_compiled.look(found, targets, arrays, tree.counts, sums, statistics)
    return discounting.fit(statistics[base:], below[targets], rules)


def _shares(
    tree: Tree, base: int, values: FloatArray, sums: npt.NDArray[np.float32]
) -> tuple[Float32Array, Float32Array]:
    """(G,) the probability of each pair from its own count, and (C,) the back-off weights; 0 and 1 below the base."""
    kinds = discounting.COUNTS
    levels = np.repeat(np.arange(len(tree.levels) - 1), np.diff(tree.levels)) - base  # of each context
    discounts = np.column_stack([np.zeros(len(values)), values[:, :kinds]])  # (levels, 5)
    totals = sums[0] + values[levels, kinds]
    saved = (sums[1:].T * values[levels, :kinds]).sum(1)
    gamma = (values[levels, kinds] + saved) / totals
    context = np.repeat(np.arange(len(levels)), np.diff(tree.offsets))
    own = (tree.counts - discounts[levels[context], np.minimum(tree.counts, kinds)]) / totals[context]
    own[context < base], gamma[:base] = 0, 1
    return own.astype(np.float32), gamma.astype(np.float32)
