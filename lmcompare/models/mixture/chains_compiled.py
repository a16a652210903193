"""The compiled loops of ``chains``.

``tree`` is the tuple (features, children, offsets, words) of ``context_trees.Tree``; ``entries`` has the node of each
first feature, -1 if it was not seen; ``base`` is the level of the tree where a chain begins, 0 or 1.
"""

from __future__ import annotations

from typing import Any

from lmcompare.compiled import compiled
from lmcompare.tokens import IntArray


@compiled
def find(values: IntArray, first: int, last: int, wanted: int) -> int:
    """Return the index of ``wanted`` in ``values[first:last]``, which are ascending; -1 if it is not there."""
    end = last
    while first < last:
        middle = (first + last) >> 1
        if values[middle] < wanted:
            first = middle + 1
        else:
            last = middle
    return first if first < end and values[first] == wanted else -1


@compiled
def nodes(features: IntArray, tree: Any, entries: IntArray, found: IntArray) -> None:
    """Write the node of each context of 0 … L features, (L, B), into ``found``, (L + 1, B), which is all -1."""
    last_features, children = tree[0], tree[1]
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
                node = find(last_features, children[node], children[node + 1], x)
            if node < 0:
                break
            found[k + 1, i] = node


@compiled
def look(found: IntArray, words: IntArray, tree: Any, counts: IntArray, sums: Any, statistics: Any) -> None:
    """Write the counts of B words after their contexts into ``statistics``, (L + 1, 6, B), which is all 0.

    They are the count of the word and the context's five ``sums``, (5, C): the total, and how many counts are 1, 2,
    3, and 4 or more.
    """
    offsets, seen = tree[2], tree[3]
    for k in range(len(found)):
        for i in range(found.shape[1]):
            node = found[k, i]
            if node >= 0:
                pair = find(seen, offsets[node], offsets[node + 1], words[i])
                statistics[k, 0, i] = counts[pair] if pair >= 0 else 0
                for j in range(5):
                    statistics[k, 1 + j, i] = sums[j, node]


@compiled
def score(
    features: IntArray,
    words: IntArray,
    tree: Any,
    entries: IntArray,
    base: int,
    first: Any,
    own: Any,
    gamma: Any,
    amounts: Any,
    probabilities: Any,
    evidence: Any,
) -> None:
    """Write the probabilities of B words after their contexts into ``probabilities``, (B,).

    ``first`` has the probability of each word at the level ``base``. The ``amounts``, (C,), of the contexts of 1 … L
    features are written into ``evidence``, (L, B), which is all 0.
    """
    last_features, children, offsets, seen = tree
    for i in range(len(words)):
        node, p = 0, first[words[i]]
        for k in range(len(features)):
            x = features[k, i]
            if x < 0:
                break
            if k == 0:
                node = entries[x] if x < len(entries) else -1
            else:
                node = find(last_features, children[node], children[node + 1], x)
            if node < 0:
                break
            evidence[k, i] = amounts[node]
            if k >= base:
                pair = find(seen, offsets[node], offsets[node + 1], words[i])
                p = gamma[node] * p + (own[pair] if pair >= 0 else 0.0)
        probabilities[i] = p


@compiled
def spread(
    found: IntArray, rows: IntArray, weights: Any, tree: Any, base: int, own: Any, gamma: Any, out: Any, rest: Any
) -> None:
    """Add ``weights[i]`` times the distribution after context i to the row ``rows[i]`` of ``out``, for B contexts.

    Only the levels above ``base`` are added; ``rest``, (B,), is set to the weight that is left for the base.
    """
    offsets, seen = tree[2], tree[3]
    for i in range(len(weights)):
        weight, row = weights[i], rows[i]
        for k in range(len(found) - 1, base, -1):
            node = found[k, i]
            if node >= 0:
                for pair in range(offsets[node], offsets[node + 1]):
                    out[row, seen[pair]] += weight * own[pair]
                weight *= gamma[node]
        rest[i] = weight


@compiled
def fill(rest: Any, classes: IntArray, first: Any, out: Any) -> None:
    """Add ``first``, (V,), times the weight of each word's class in ``rest``, (B, K), to each row of ``out``, (B, V).

    ``classes`` has the class of each word, (V,) or longer.
    """
    for row in range(len(out)):
        for word in range(len(first)):
            out[row, word] += rest[row, classes[word]] * first[word]


@compiled
def blend(rows: Any, classes: IntArray, within: Any, weights: Any, out: Any) -> None:
    """Add weighted products of class and word probabilities to each row of ``out``, (B, V).

    ``rows``, (B, K), has the probabilities of the classes, or no columns if the factor is 1; ``within``, (B, V),
    those of the words in their classes; ``weights``, (B,), the weights.
    """
    whole = rows.shape[1] == 0
    for row in range(len(out)):
        weight = weights[row]
        for word in range(out.shape[1]):
            share = weight if whole else weight * rows[row, classes[word]]
            out[row, word] += share * within[row, word]
