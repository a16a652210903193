"""A chain: one smoothed n-gram model whose contexts are told feature by feature, and what it says of a text.

It predicts words, or the classes of the words, or words whose class is known: then the class is its first feature,
of distance 0, and below that the words of the class share evenly. What a longer context does not know, it leaves to
the context without the last feature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.models.mixture import context_trees as trees
from lmcompare.models.mixture import discounting
from lmcompare.models.mixture import features as streams
from lmcompare.models.mixture.context_trees import NOTHING, Tree
from lmcompare.models.mixture.features import Feature
from lmcompare.tokens import IntArray

Float32Array = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.floating[Any]]
FITTED = 2**15  # tokens that discounts are fitted on, at most

ARRAYS = ("told", "children", "offsets", "words", "own", "gamma", "amounts", "first")  # what a chain is stored as


@dataclass(frozen=True, eq=False)
class Chain:
    """A context tree of C contexts and G pairs with probabilities.

    ``features``: what is told, in this order; the last is the first to be left out. ``target``: the map that shows
    what is predicted. ``told``, ``children``, ``offsets``, ``words``: as in ``trees.Tree``. ``own``: (G,) float32,
    what a pair has from its own count. ``gamma``: (C,) float32, the share of the shorter context. ``amounts``: (C,)
    float32, ln(1 + the context's total): the evidence. ``first``: (types,) float32, the probabilities at the level
    ``base``.
    """

    features: tuple[Feature, ...]
    target: int
    told: IntArray
    children: IntArray
    offsets: IntArray
    words: IntArray
    own: Float32Array
    gamma: Float32Array
    amounts: Float32Array
    first: Float32Array

    @property
    def base(self) -> int:
        """The level at which the chain begins: 1 if the class of the word is told, else 0."""
        return int(bool(self.features) and self.features[0][0] == 0)

    @property
    def tree(self) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        """What the compiled loops walk through."""
        return self.told, self.children, self.offsets, self.words

    @cached_property
    def entries(self) -> IntArray:
        """(X,) int64: the node of each first feature."""
        return entries(self.told, self.children)

    def score(self, before: IntArray, words: IntArray, maps: Sequence[IntArray]) -> tuple[Float32Array, Float32Array]:
        """(B,) the probabilities of words after their histories (D, B), and (L, B) the evidence for each."""
        from lmcompare.models.mixture import chains_compiled as walks

        features = streams.show(self.features, maps, before, words)
        p, evidence = np.empty(len(words), np.float32), np.zeros(features.shape, np.float32)
        targets = maps[self.target][words]
        walks.score(
            *(features, targets, self.tree, self.entries, self.base, self.first, self.own, self.gamma),
            *(self.amounts, p, evidence),
        )
        return p, evidence

    def find(self, features: IntArray) -> tuple[IntArray, Float32Array]:
        """(L + 1, B) the nodes of contexts of these features (L, B), and (L, B) the evidence they give."""
        found = nodes(features, self.tree, self.entries)
        return found, np.where(found[1:] == NOTHING, np.float32(0), self.amounts[found[1:]])

    def spread(self, found: IntArray, rows: IntArray, weights: FloatArray, out: FloatArray) -> FloatArray:
        """Add weighted distributions above the base to rows; return the weights (B,) left for ``first``."""
        from lmcompare.models.mixture import chains_compiled as walks

        rest = np.empty(len(weights))
        walks.spread(found, rows, weights, self.tree, self.base, self.own, self.gamma, out, rest)
        return rest

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what is stored."""
        return {name: getattr(self, name) for name in ARRAYS}

    @classmethod
    def from_arrays(
        cls, features: Sequence[Sequence[int]], target: int, arrays: Mapping[str, npt.NDArray[Any]]
    ) -> Chain:
        """Return the chain whose ``arrays`` these are."""
        return cls(tuple((d, m) for d, m in features), target, *(arrays[name] for name in ARRAYS))


def entries(told: IntArray, children: IntArray) -> IntArray:
    """(X,) int64, X at least 1: the child of the root that each feature leads to, ``NOTHING`` where there is none."""
    first, last = int(children[0]), int(children[1])
    lead = np.full(int(told[first:last].max(initial=0)) + 1, NOTHING, np.int64)
    lead[told[first:last]] = np.arange(first, last)
    return lead


def nodes(features: IntArray, tree: Any, leads: IntArray) -> IntArray:
    """(L + 1, B) the nodes of the contexts of 0 … L features; ``NOTHING`` where train has none."""
    from lmcompare.models.mixture import chains_compiled as walks

    found = np.full((len(features) + 1, features.shape[1]), NOTHING, np.int64)
    walks.nodes(features, tree, leads, found)
    return found


def train(
    features: Sequence[Feature],
    target: int,
    maps: Sequence[IntArray],
    before: IntArray,
    words: IntArray,
    held_out: tuple[IntArray, IntArray],
) -> tuple[Chain, FloatArray]:
    """Count train, fit the discounts on held-out text and return the chain and its discounts (L + 1 - base, 5).

    ``before``, ``words``: the histories (D, N) and words (N,) of train; ``held_out``: those of the held-out text,
    which may be empty: then the discounts are rules of thumb.
    """
    base = int(bool(features) and features[0][0] == 0)
    below = (np.bincount(maps[target][:-1]) / len(maps[target][:-1])).astype(np.float32)  # every word alike
    types = len(below)
    tree = trees.grow(list(streams.show(features, maps, before, words)), maps[target][words], types)
    sums = _sums(tree)
    if base:
        classes = maps[features[0][1]][:-1]
        below = (1 / np.bincount(classes)[classes]).astype(np.float32)
    values = _discounts(tree, features, maps, target, base, sums, below, held_out)
    own, gamma = _shares(tree, base, values, sums)
    first = below * gamma[0] if not base else below.copy()
    if base:
        lead = entries(tree.features, tree.children)
        at = np.where(classes < len(lead), lead[np.minimum(classes, len(lead) - 1)], NOTHING)
        first[at != NOTHING] *= gamma[at[at != NOTHING]]
    pairs = slice(tree.offsets[tree.levels[base]], tree.offsets[tree.levels[base + 1]])
    first[tree.words[pairs]] += own[pairs]
    amounts = np.log1p(sums[0]).astype(np.float32)
    told, shape = (tree.features, tree.children, tree.offsets, tree.words), tuple(features)
    return Chain(shape, target, *told, own, gamma, amounts, first), values


def _sums(tree: Tree) -> npt.NDArray[np.float32]:
    """(5, C): the total of each context, and how many of its counts are 1, 2, 3, and 4 or more."""
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
    from lmcompare.models.mixture import chains_compiled as walks

    cuts = tree.offsets[tree.levels]
    rules = discounting.rules_of_thumb(np.split(tree.counts, cuts[1:-1])[base:])
    before, words = held_out
    if not len(words):
        return rules
    some = np.linspace(0, len(words) - 1, min(len(words), FITTED)).astype(np.int64)
    before, words = before[:, some], words[some]
    ways = (tree.features, tree.children, tree.offsets, tree.words)
    found = nodes(streams.show(features, maps, before, words), ways, entries(tree.features, tree.children))
    statistics = np.zeros((len(found), 6, len(words)), np.float32)
    targets = maps[target][words]
    walks.look(found, targets, ways, tree.counts, sums, statistics)
    return discounting.fit(statistics[base:], below[targets], rules)


def _shares(
    tree: Tree, base: int, values: FloatArray, sums: npt.NDArray[np.float32]
) -> tuple[Float32Array, Float32Array]:
    """(G,) what each pair has from its own count, and (C,) the share of the shorter context; 0 and 1 below the
    base.
    """
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
