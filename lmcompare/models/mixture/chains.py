"""A chain: one smoothed n-gram model over a sequence of features, and the context tree that it is counted in.

A *feature* is anything known about the past, such as the previous word or the class of the word three positions back.
A context is a sequence of features; one more feature makes it longer. The contexts are the nodes of a tree, numbered
level by level, within a level by parent, and within a parent by feature; node 0, the root, is the empty context. So
the children of a node are consecutive with ascending features, and so are the words seen after a node: flat arrays
and offsets hold the whole tree. It is the back-off path of a factored language model (Bilmes and Kirchhoff 2003).

Here a feature is a pair (distance, map). It is the word ``distance`` positions back, seen through map number ``map``:
map 0 gives the word itself, the other maps its class in one clustering. Distance 0 is the predicted word: its class,
which is known before the word is. There are no features from before the sentence; ``<s>``, the word V, is one
position before its first word.

A chain predicts words, or the classes of words, or words whose class is known. In the last case the class is the
first feature, with distance 0, and below it the words of the class share the probability evenly. A context backs off
to the context without its last feature: a word with the count c after a context with the total T has the probability

    p(w | h) = (c − D(c)) / (T + θ) + (θ + Σ_v D(c(v))) / (T + θ) · p(w | h′)

where h′ is the context without its last feature. D has a value for each of the counts 1, 2, 3, and 4 or more, and θ
is one number; all five depend on the length of the context, and are fitted to held-out text. This is the predictive
rule of a Pitman-Yor process with a discount for each count (Teh 2006); with θ = 0 it is the modified Kneser-Ney of
Chen and Goodman (1999).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled
from lmcompare.counts.ngrams import words_before
from lmcompare.counts.table import NOTHING, Float32Array, find, place_of
from lmcompare.models.common.gates import one_thread
from lmcompare.state import check_rising, offsets, real, whole
from lmcompare.tokens import Encoded, IntArray

Feature = tuple[int, int]
WORDS = 0  # the map from words to themselves
LEAST = 2  # a rarer context has no children: any longer one would be followed by the same single word
FloatArray = npt.NDArray[np.floating[Any]]
LARGEST = float(np.finfo(np.float32).max)
FITTED = 2**15  # the greatest number of tokens that discounts are fitted to
COUNTS = 4  # kinds of count: 1, 2, 3, and 4 or more
STRENGTH = 0.1  # θ if there is no held-out text
SURE = 50.0  # the weight of the rules of thumb, in held-out tokens
STEPS = 40


def history(text: Encoded, at: IntArray, most: int) -> IntArray:
    """Return the words 1, 2 … ``most`` positions before each of B positions of a text.

    Returns (``most``, B) ids; ``NOTHING`` before ``<s>``.
    """
    begins = at + 1 - words_before(text, at)
    words = np.full((most, len(at)), NOTHING, np.int64)
    for distance in range(1, most + 1):
        where = at - distance
        words[distance - 1, where == begins - 1] = len(text.vocabulary)
        inside = where >= begins
        words[distance - 1, inside] = text.ids[where[inside]]
    return words


def feature_values(
    features: Sequence[Feature], maps: Sequence[IntArray], before: IntArray, words: IntArray | None
) -> IntArray:
    """(L, B) the values of L features at B positions; ``NOTHING`` where there is no such word.

    Parameters
    ----------
    maps : sequence of IntArray of shape (V + 1,)
        The maps from words to words or classes.
    before : IntArray of shape (D, B)
        The words before each position, from ``history``.
    words : IntArray of shape (B,) or None
        The words at the positions; needed if a feature has the distance 0.
    """
    values = np.full((len(features), before.shape[1]), NOTHING, np.int64)
    for row, (distance, map_) in zip(values, features, strict=True):
        source = before[distance - 1] if distance else words
        assert source is not None
        exists = source != NOTHING
        row[exists] = maps[map_][source[exists]]
    return values


def reach_of(features: Sequence[Feature]) -> int:
    """Return the greatest distance among the features."""
    return max((distance for distance, _ in features), default=0)


class Contexts(NamedTuple):
    """C contexts and the G pairs of a context and a word seen after it, as compiled loops take them.

    Parameters
    ----------
    last : IntArray of shape (C,)
        The last feature of each context.
    children : IntArray of shape (C + 1,)
        The contexts that are one feature longer than context c are ``children[c]:children[c + 1]``.
    offsets : IntArray of shape (C + 1,)
        The pairs of context c are ``offsets[c]:offsets[c + 1]``.
    words : IntArray of shape (G,)
        The word of each pair, ascending within a context.
    """

    last: IntArray
    children: IntArray
    offsets: IntArray
    words: IntArray


@dataclass(frozen=True, eq=False)
class Tree:
    """The contexts of a text with the counts of their pairs.

    Parameters
    ----------
    contexts : Contexts
        The contexts and pairs.
    levels : IntArray of shape (L + 2,)
        The contexts of k features are ``levels[k]:levels[k + 1]``.
    counts : IntArray of shape (G,)
        The count of each pair. After a context without children it is the frequency of the word; after any other
        context it is the number of its children that the word follows, the continuation count of Kneser and Ney
        (1995).
    """

    contexts: Contexts
    levels: IntArray
    counts: IntArray


def grow(features: Sequence[IntArray], words: IntArray, types: int) -> Tree:
    """Return the tree of a text of N words.

    Parameters
    ----------
    features : sequence of L IntArray of shape (N,)
        The features before each word. ``NOTHING`` ends the context, and so does a context seen fewer than ``LEAST``
        times; there a word counts as often as it occurs.
    words : IntArray of shape (N,)
        The words, each below ``types``.
    types : int
        The number of types.
    """
    pairs, pair_at, raw = np.unique(words.astype(np.int64), return_inverse=True, return_counts=True)
    nodes, at = np.zeros(len(words), np.int64), np.arange(len(words))  # for the words whose contexts have not ended
    levels, last = [0, 1], [np.zeros(1, np.int64)]
    parents, all_pairs, all_counts = [np.zeros(0, np.int64)], [pairs], []
    for feature in features:
        x = feature[at]
        goes_on = (x != NOTHING) & (np.bincount(nodes)[nodes] >= LEAST) if len(at) else np.zeros(0, bool)
        width = int(feature.max(initial=0)) + 1
        keys, longer_nodes = np.unique(nodes[goes_on] * width + x[goes_on], return_inverse=True)
        longer, longer_at, longer_raw = np.unique(
            longer_nodes * types + words[at[goes_on]], return_inverse=True, return_counts=True
        )
        shorter = np.empty(len(longer), np.int64)
        shorter[longer_at] = pair_at[goes_on]
        ended = np.bincount(pair_at[~goes_on], minlength=len(pairs))
        all_counts.append(np.bincount(shorter, minlength=len(pairs)) + ended)
        parents.append(keys // width + levels[-2])
        last.append(keys % width)
        all_pairs.append(longer + levels[-1] * types)
        levels.append(levels[-1] + len(keys))
        nodes, at, pairs, pair_at, raw = longer_nodes, at[goes_on], longer, longer_at, longer_raw
    flat = np.concatenate(all_pairs)
    sizes = np.bincount(np.concatenate(parents), minlength=levels[-1])
    contexts = Contexts(
        last=np.concatenate(last).astype(np.int32),
        children=np.append(1, 1 + np.cumsum(sizes)).astype(np.int32),
        offsets=np.append(0, np.cumsum(np.bincount(flat // types, minlength=levels[-1]))).astype(np.int32),
        words=(flat % types).astype(np.int32),
    )
    return Tree(contexts, np.array(levels, np.int64), np.concatenate([*all_counts, raw]).astype(np.int32))


class Numbers(NamedTuple):
    """The arrays of a chain of C contexts and G pairs, as compiled loops take them, and as they are stored.

    Parameters
    ----------
    last, children, offsets, words : IntArray
        The arrays of ``Contexts``.
    own : array of shape (G,)
        The part of a pair's probability that comes from its own count.
    gamma : array of shape (C,)
        The back-off weight of each context.
    amounts : array of shape (C,)
        The evidence of each context, ln(1 + its total count).
    first : array of shape (types,)
        The probabilities at the level ``base``.
    """

    last: IntArray
    children: IntArray
    offsets: IntArray
    words: IntArray
    own: Float32Array
    gamma: Float32Array
    amounts: Float32Array
    first: Float32Array


@dataclass(frozen=True, eq=False)
class Chain:
    """A context tree with probabilities.

    Parameters
    ----------
    features : tuple of Feature
        The features in their order; the last one is dropped first.
    target : int
        The number of the map from words to the predicted words or classes.
    numbers : Numbers
        The tree and the probabilities.
    """

    features: tuple[Feature, ...]
    target: int
    numbers: Numbers

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, npt.NDArray[Any]],
        prefix: str,
        maps: Sequence[IntArray],
        features: Sequence[Feature],
        target: int,
    ) -> Chain:
        """Return the stored chain whose arrays' names have a prefix. Raises ``DamagedStateError`` for others."""
        types = int(maps[target][:-1].max()) + 1
        last = whole(arrays, f"{prefix}last", (None,), 1 + max(int(each.max()) for each in maps))
        words = whole(arrays, f"{prefix}words", (None,), types)
        children = offsets(arrays, f"{prefix}children", len(last), len(last), first=1)
        check_rising(f"{prefix}last", last[1:], children - 1)
        begins = offsets(arrays, f"{prefix}offsets", len(last), len(words))
        check_rising(f"{prefix}words", words, begins)
        own, gamma, amounts, first = (
            real(arrays, prefix + name, (size,), 0, LARGEST)
            for name, size in (("own", len(words)), ("gamma", len(last)), ("amounts", len(last)), ("first", types))
        )
        numbers = Numbers(last, children, begins, words, own, gamma, amounts, first)
        return cls(tuple(features), target, numbers)

    @property
    def base(self) -> int:
        """The level at which the chain begins: 1 if the class of the word is known, else 0."""
        return int(bool(self.features) and self.features[0][0] == 0)

    @cached_property
    def entries(self) -> IntArray:
        """(X,) the node of each first feature."""
        return entries(self.numbers)

    def score(self, before: IntArray, words: IntArray, maps: Sequence[IntArray]) -> tuple[Float32Array, Float32Array]:
        """Return the probabilities, (B,), of words after their histories, (D, B), and the evidence, (L, B)."""
        found, evidence = self.find(feature_values(self.features, maps, before, words))
        targets, numbers = maps[self.target][words], self.numbers
        p = numbers.first[targets].astype(np.float64)
        for node in found[self.base + 1 :]:
            pair = find(numbers.offsets, numbers.words, node, targets)
            own = np.where(pair == NOTHING, 0.0, numbers.own[pair])
            p = np.where(node == NOTHING, p, numbers.gamma[node] * p + own)
        return p.astype(np.float32), evidence

    def find(self, features: IntArray) -> tuple[IntArray, Float32Array]:
        """Return the nodes, (L + 1, B), of the contexts with these features, (L, B), and their evidence, (L, B)."""
        found = nodes(features, self.numbers, self.entries)
        return found, np.where(found[1:] == NOTHING, np.float32(0), self.numbers.amounts[found[1:]])

    def spread(self, found: IntArray, rows: IntArray, weights: FloatArray, out: FloatArray) -> FloatArray:
        """Add weighted distributions above the base to rows, and return the weights, (B,), left for ``first``."""
        rest = np.empty(len(weights))
        _spread(found, rows, weights, self.numbers, self.base, out, rest)
        return rest


def entries(contexts: Contexts | Numbers) -> IntArray:
    """(X,) the child of the root for each feature; ``NOTHING`` if there is none. X is at least 1."""
    first, last = int(contexts.children[0]), int(contexts.children[1])
    of_root = contexts.last[first:last]
    found = np.full(int(of_root.max(initial=0)) + 1, NOTHING, np.int64)
    found[of_root] = np.arange(first, last)
    return found


def nodes(features: IntArray, contexts: Contexts | Numbers, first_nodes: IntArray) -> IntArray:
    """(L + 1, B) the nodes of the contexts of 0 … L features; ``NOTHING`` if a context was not seen."""
    found = np.full((len(features) + 1, features.shape[1]), NOTHING, np.int64)
    _nodes(features, contexts, first_nodes, found)
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
        The features and the target of the chain.
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
        found = entries(tree.contexts)
        at = np.where(classes < len(found), found[np.minimum(classes, len(found) - 1)], NOTHING)
        first[at != NOTHING] *= gamma[at[at != NOTHING]]
    pairs = slice(*tree.contexts.offsets[tree.levels[base : base + 2]])
    first[tree.contexts.words[pairs]] += own[pairs]
    amounts = np.log1p(sums[0]).astype(np.float32)
    return Chain(tuple(features), target, Numbers(*tree.contexts, own, gamma, amounts, first)), values


def _sums(tree: Tree) -> Float32Array:
    """(5, C) the total of each context, and how many of its counts are 1, 2, 3, and 4 or more."""
    kinds = np.minimum(tree.counts, COUNTS)
    parts = [tree.counts, *(kinds == j for j in range(1, COUNTS + 1))]
    starts = tree.contexts.offsets[:-1]
    return np.stack([np.add.reduceat(p.astype(np.int64), starts) for p in parts]).astype(np.float32)


def _discounts(
    tree: Tree,
    features: Sequence[Feature],
    maps: Sequence[IntArray],
    target: int,
    base: int,
    sums: Float32Array,
    below: Float32Array,
    held_out: tuple[IntArray, IntArray],
) -> FloatArray:
    """Return the discounts of the levels from ``base`` on."""
    cuts = tree.contexts.offsets[tree.levels]
    rules = rules_of_thumb(np.split(tree.counts, cuts[1:-1])[base:])
    before, words = held_out
    if not len(words):
        return rules
    some = np.linspace(0, len(words) - 1, min(len(words), FITTED)).astype(np.int64)
    before, words = before[:, some], words[some]
    found = nodes(feature_values(features, maps, before, words), tree.contexts, entries(tree.contexts))
    statistics = np.zeros((len(found), 6, len(words)), np.float32)
    targets = maps[target][words]
    for node, of_level in zip(found, statistics, strict=True):  # the count of each word, and the context's sums
        pair = find(tree.contexts.offsets, tree.contexts.words, node, targets)
        of_level[0] = np.where(pair == NOTHING, 0, tree.counts[pair])
        of_level[1:] = np.where(node == NOTHING, 0, sums[:, node])
    return fit_discounts(statistics[base:], below[targets], rules)


def _shares(tree: Tree, base: int, values: FloatArray, sums: Float32Array) -> tuple[Float32Array, Float32Array]:
    """(G,) the probability of each pair from its own count, and (C,) the back-off weights; 0 and 1 below the base."""
    kinds = COUNTS
    levels = np.repeat(np.arange(len(tree.levels) - 1), np.diff(tree.levels)) - base  # the level of each context
    discounts = np.column_stack([np.zeros(len(values)), values[:, :kinds]])  # (levels, 5)
    totals = sums[0] + values[levels, kinds]
    saved = (sums[1:].T * values[levels, :kinds]).sum(1)
    gamma = (values[levels, kinds] + saved) / totals
    context = np.repeat(np.arange(len(levels)), np.diff(tree.contexts.offsets))
    own = (tree.counts - discounts[levels[context], np.minimum(tree.counts, kinds)]) / totals[context]
    own[context < base], gamma[:base] = 0, 1
    return own.astype(np.float32), gamma.astype(np.float32)


@compiled
def _nodes(features: IntArray, contexts: Contexts | Numbers, entries: IntArray, found: IntArray) -> None:
    """Write the node of each context of 0 … L features, (L, B), into ``found``, (L + 1, B), which is all -1."""
    for i in range(found.shape[1]):
        node = 0
        found[0, i] = 0
        for k in range(len(features)):
            x = features[k, i]
            if x < 0:
                break
            if k == 0:
                node = entries[x] if x < len(entries) else -1
            else:
                node = place_of(x, contexts.last, contexts.children[node], contexts.children[node + 1])
            if node < 0:
                break
            found[k + 1, i] = node


@compiled
def _spread(
    found: IntArray, rows: IntArray, weights: Any, numbers: Numbers, base: int, out: Any, rest: FloatArray
) -> None:
    """Add ``weights[i]`` times the distribution after context i to the row ``rows[i]`` of ``out``, for B contexts.

    Only the levels above ``base`` are added; ``rest``, (B,), is set to the weight that is left for the base.
    """
    _, _, offsets, seen, own, gamma, _, _ = numbers
    for i in range(len(weights)):
        weight, row = weights[i], rows[i]
        for k in range(len(found) - 1, base, -1):
            node = found[k, i]
            if node >= 0:
                for pair in range(offsets[node], offsets[node + 1]):
                    out[row, seen[pair]] += weight * own[pair]
                weight *= gamma[node]
        rest[i] = weight


def rules_of_thumb(counts: Sequence[IntArray]) -> FloatArray:
    """(L + 1, 5) the discounts of the counts 1 … 4 and the strength of each level, from its counts alone.

    D_j is ``j - (j + 1) Y n_{j+1} / n_j`` with ``Y = n_1 / (n_1 + 2 n_2)`` (Chen and Goodman 1999), limited to the
    range from 0.1 j to 0.9 j; if n_j is 0, it is 0.5 j.
    """
    rules = np.full((len(counts), COUNTS + 1), STRENGTH)
    for level, found in enumerate(counts):
        n = np.bincount(np.minimum(found, COUNTS + 2), minlength=COUNTS + 3).astype(float)
        y = n[1] / (n[1] + 2 * n[2]) if n[1] else 0.0
        for j in range(1, COUNTS + 1):
            discount = j - (j + 1) * y * n[j + 1] / n[j] if n[j] and y else 0.5 * j
            rules[level, j - 1] = min(max(discount, 0.1 * j), 0.9 * j)
    return rules


@one_thread()
def fit_discounts(statistics: Float32Array, first: Float32Array, rules: FloatArray) -> FloatArray:
    """Return the discounts and strengths that maximise the likelihood of N held-out words, regularised to ``rules``.

    Parameters
    ----------
    statistics : array of shape (L + 1, 6, N)
        At each level the count of the word and the five ``_sums`` of its context.
    first : array of shape (N,)
        The probabilities of the words below the first level.
    rules : FloatArray of shape (L + 1, 5)
        The initial values, from ``rules_of_thumb``.

    Returns
    -------
    FloatArray of shape (L + 1, 5)
        The discounts of the counts 1 … 4 and the strength of each level.
    """
    import torch

    from lmcompare.training.recipe import eager

    fractions = torch.tensor(rules[:, :COUNTS] / np.arange(1, COUNTS + 1))
    start = torch.cat([torch.logit(fractions), torch.log(torch.tensor(rules[:, COUNTS:]))], 1)
    free = start.clone().requires_grad_()
    seen = torch.tensor(statistics)
    kinds = seen[:, 0].clamp(max=COUNTS).long()
    below = torch.tensor(first)
    optimiser = eager(torch.optim.LBFGS)([free], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Any:
        optimiser.zero_grad()
        values = _values(free)
        p = below
        for level in range(len(seen)):
            count, total, *having = seen[level]
            discount, strength = values[level, :COUNTS], values[level, COUNTS]
            taken = torch.cat([discount.new_zeros(1), discount])[kinds[level]]
            saved = sum(d * n for d, n in zip(discount, having, strict=True))
            longer = (count - taken + (strength + saved) * p) / (total + strength)
            p = torch.where(total > 0, longer, p)
        away = ((free - start) ** 2).sum()
        value = -p.log().mean() + SURE / len(below) * away / 100
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)
    values: FloatArray = _values(free).detach().double().numpy()
    return values


def _values(free: Any) -> Any:
    """Return discounts between 0 and their counts, and strengths above 0, from unbounded numbers."""
    import torch

    discounts = torch.sigmoid(free[:, :COUNTS]).clamp(1e-3, 1 - 1e-4) * torch.arange(1, COUNTS + 1)
    return torch.cat([discounts, free[:, COUNTS:].clamp(-9, 9).exp()], 1).float()
