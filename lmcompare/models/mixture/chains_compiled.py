"""The compiled ways through a context tree; ``chains`` says what they compute.

``tree`` is the tuple (features, children, offsets, words) of ``trees.Tree``. ``entries``: the node of each first
feature, ``NOTHING`` where train has none; ``base``: the level of the tree where a chain begins, 0 or 1.
"""

from __future__ import annotations

from typing import Any

from lmcompare.compiled import compiled
from lmcompare.tokens import IntArray


@compiled
def find(values: IntArray, first: int, last: int, wanted: int) -> int:
    """Return where ``wanted`` stands in ``values[first:last]``, which rise; -1 if it does not."""
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
    """Write the node of each context of 0 … L features into ``found`` (L + 1, B), which is all -1.

    ``features``: (L, B).
    """
    told, children = tree[0], tree[1]
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
                node = find(told, children[node], children[node + 1], x)
            if node < 0:
                break
            found[k + 1, i] = node


@compiled
def look(found: IntArray, words: IntArray, tree: Any, counts: IntArray, sums: Any, statistics: Any) -> None:
    """Write what train says of B words after their contexts into ``statistics`` (L + 1, 6, B), which is all 0.

    These are the word's count and the context's five ``sums`` (5, C): of all counts, and how many of them are 1, 2,
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
    """Write the probability of each of B words after its context into ``probabilities`` (B,).

    ``first``: the probability of each word at the level ``base``. ``evidence``: (L, B), all 0; what ``amounts`` (C,)
    says of the contexts of 1 … L features is written there.
    """
    told, children, offsets, seen = tree
    for i in range(len(words)):
        node, p = 0, first[words[i]]
        for k in range(len(features)):
            x = features[k, i]
            if x < 0:
                break
            if k == 0:
                node = entries[x] if x < len(entries) else -1
            else:
                node = find(told, children[node], children[node + 1], x)
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
    """Add weighted distributions to rows: of B contexts, ``weights[i]`` times that of context i to ``rows[i]``.

    ``out``: (rows, words). Only what stands above the level ``base`` is added; ``rest`` (B,) is set to the weight
    that is left for that level.
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
    """Add to each row of ``out`` (B, V) what ``first`` (V,) gives each word, times its class's weight in ``rest``.

    ``rest``: (B, K). ``classes``: (V,), or longer.
    """
    for row in range(len(out)):
        for word in range(len(first)):
            out[row, word] += rest[row, classes[word]] * first[word]


@compiled
def blend(rows: Any, classes: IntArray, within: Any, weights: Any, out: Any) -> None:
    """Add to each row of ``out`` (B, V) its weight times the row of the classes times that of the words in them.

    ``rows``: (B, K), or ``within`` is to be taken as it is where K is 0. ``within``: (B, V). ``weights``: (B,).
    """
    whole = rows.shape[1] == 0
    for row in range(len(out)):
        weight = weights[row]
        for word in range(out.shape[1]):
            share = weight if whole else weight * rows[row, classes[word]]
            out[row, word] += share * within[row, word]
