"""What is known before each position of a text: the words, and the classes of the words, some way back.

A *feature* is a pair (distance, map): the word that stands ``distance`` positions back as map number ``map`` shows
it. Map 0 shows the word itself, the others its class in one clustering. Distance 0 is the word to be predicted: the
class of the word itself, told before the word is. Nothing is known from before the sentence; ``<s>``, the word V,
stands one position before its first word.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmcompare.models.mixture.context_trees import NOTHING
from lmcompare.tokens import Encoded, IntArray

Feature = tuple[int, int]
WORDS = 0  # the map that shows the words themselves


def history(text: Encoded, at: IntArray, most: int) -> IntArray:
    """(most, B) int64: the words 1, 2 … ``most`` positions before each of B positions; ``NOTHING`` before ``<s>``.

    Position N is the one after the text's end.
    """
    closed = np.append(-1, np.flatnonzero(text.ids == text.vocabulary.end)) + 1
    begins = np.maximum(text.context_starts(at), closed[np.searchsorted(closed, at, side="right") - 1])
    words = np.full((most, len(at)), NOTHING, np.int64)
    for distance in range(1, most + 1):
        where = at - distance
        words[distance - 1, where == begins - 1] = len(text.vocabulary)
        inside = where >= begins
        words[distance - 1, inside] = text.ids[where[inside]]
    return words


def show(features: Sequence[Feature], maps: Sequence[IntArray], before: IntArray, words: IntArray | None) -> IntArray:
    """(L, B) int64: the features of B positions, ``NOTHING`` where there is none.

    ``maps``: (V + 1,) each, from words to what they are shown as. ``before``: (D, B), the history. ``words``: (B,)
    the words that stand there, if a feature has the distance 0.
    """
    shown = np.full((len(features), before.shape[1]), NOTHING, np.int64)
    for row, (distance, map_) in zip(shown, features, strict=True):
        stream = before[distance - 1] if distance else words
        assert stream is not None
        told = stream != NOTHING
        row[told] = maps[map_][stream[told]]
    return shown


def reach(features: Sequence[Feature]) -> int:
    """Return how many words back a context looks."""
    return max((distance for distance, _ in features), default=0)
