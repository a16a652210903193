"""Context trees: the words seen in the training text after contexts that consist of *features*.

A feature is anything known about the past, such as the previous word or the class of the word three positions back. A
context is a sequence of features; one more feature makes it longer. The contexts are the nodes of a tree, numbered
level by level, within a level by parent, and within a parent by feature; node 0, the root, is the empty context. So
the children of a node are consecutive with ascending features, and so are the words seen after a node: flat arrays
and offsets hold the whole tree. It is the back-off path of a factored language model (Bilmes and Kirchhoff 2003).

Here a feature is a pair (distance, map). It is the word ``distance`` positions back, seen through map number ``map``:
map 0 gives the word itself, the other maps its class in one clustering. Distance 0 is the predicted word: its class,
which is known before the word is. There are no features from before the sentence; ``<s>``, the word V, is one
position before its first word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lmcompare.counts.ngrams import words_before
from lmcompare.counts.table import NOTHING
from lmcompare.tokens import Encoded, IntArray

Feature = tuple[int, int]
WORDS = 0  # the map from words to themselves
LEAST = 2  # a rarer context has no children: any longer one would be followed by the same single word


def history(text: Encoded, at: IntArray, most: int) -> IntArray:
    """Return the words 1, 2 … ``most`` positions before each of B positions of a text.

    Parameters
    ----------
    text : Encoded
        A text of N tokens.
    at : IntArray of shape (B,)
        The positions; N is the position after the end of the text.
    most : int
        The greatest distance.

    Returns
    -------
    IntArray of shape (most, B)
        The ids; ``NOTHING`` before ``<s>``.
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
    """Return the values of L features at B positions.

    Parameters
    ----------
    features : sequence of Feature
        The features.
    maps : sequence of IntArray of shape (V + 1,)
        The maps from words to words or classes.
    before : IntArray of shape (D, B)
        The words before each position, from ``history``.
    words : IntArray of shape (B,) or None
        The words at the positions; needed if a feature has the distance 0.

    Returns
    -------
    IntArray of shape (L, B)
        The values; ``NOTHING`` where there is no such word.
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
