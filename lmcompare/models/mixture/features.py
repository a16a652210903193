"""The features of a context: the words, or the classes of the words, at given distances before a position.

A *feature* is a pair (distance, map). It is the word ``distance`` positions back, seen through map number ``map``:
map 0 gives the word itself, the other maps its class in one clustering. Distance 0 is the predicted word: its class,
which is known before the word is. There are no features from before the sentence; ``<s>``, the word V, is one
position before its first word.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmcompare.counts.level import NOTHING
from lmcompare.counts.table import words_before
from lmcompare.tokens import Encoded, IntArray

Feature = tuple[int, int]
WORDS = 0  # the map from words to themselves


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
