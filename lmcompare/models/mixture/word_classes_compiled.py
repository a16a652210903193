"""The compiled loops of ``word_classes``.

A *pair table* is ``offsets`` (W + 1,), ``others`` and ``counts``: the words beside word w and how often they occur
there are ``others[offsets[w]:offsets[w + 1]]`` and ``counts[offsets[w]:offsets[w + 1]]``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lmcompare.compiled import compiled
from lmcompare.tokens import IntArray

TABLED = 2**18  # x log x is looked up for counts below this


@compiled
def xlogx(x: int, table: Any) -> float:
    """Return x ln x, 0 for 0; ``table`` has the values for small x."""
    value: float = table[x] if x < len(table) else x * np.log(x)
    return value


@compiled
def put(
    word: int, c: int, by: int, classes: IntArray, after: Any, before: Any, forth: IntArray, back: IntArray, sums: Any
) -> None:
    """Add the pairs of a word to the counts of class ``c``, ``by`` times: 1 to put it in, -1 to take it out.

    ``after`` and ``before`` are the pair tables of the words to its right and to its left. ``forth``, (K, K), has the
    number of times that each class comes before each other, ``back`` is its transpose, and ``sums``, (2, K), has how
    often each class comes first and second.
    """
    offsets, others, counts = after
    for i in range(offsets[word], offsets[word + 1]):
        d, n = classes[others[i]], by * counts[i]
        if others[i] == word:
            d = c
        forth[c, d] += n
        back[d, c] += n
        sums[0, c] += n
    offsets, others, counts = before
    for i in range(offsets[word], offsets[word + 1]):
        d, n = classes[others[i]], by * counts[i]
        sums[1, c] += n
        if others[i] != word:  # the word beside itself has been counted above
            forth[d, c] += n
            back[c, d] += n


@compiled
def joined(n: int, row: IntArray, movable: int, table: Any, gain: Any) -> float:
    """Add to ``gain`` the gain from n more pairs for the classes that have such pairs, whose numbers are in ``row``.

    Returns the gain for a class without such pairs.
    """
    own: float = xlogx(n, table)
    for g in range(movable):
        x = row[g]
        if x:
            gain[g] += xlogx(x + n, table) - xlogx(x, table) - own
    return own


@compiled
def gains(
    word: int,
    movable: int,
    classes: IntArray,
    after: Any,
    before: Any,
    forth: IntArray,
    back: IntArray,
    sums: Any,
    table: Any,
    right: IntArray,
    left: IntArray,
    gain: Any,
) -> None:
    """Write the increase of the log-likelihood in nats if a word without a class is put into each class.

    It is written into ``gain``, (``movable``,), for the first classes, to which words may move. ``right`` and
    ``left``, (K,), are zeros to work in. The other arguments are those of ``put``.
    """
    itself = 0
    first, second = 0, 0
    offsets, others, counts = after
    for i in range(offsets[word], offsets[word + 1]):
        first += counts[i]
        if others[i] == word:
            itself = counts[i]
        else:
            right[classes[others[i]]] += counts[i]
    offsets, others, counts = before
    for i in range(offsets[word], offsets[word + 1]):
        second += counts[i]
        if others[i] != word:
            left[classes[others[i]]] += counts[i]
    same = 0.0  # for every class
    for g in range(movable):
        a, b = sums[0, g], sums[1, g]
        gain[g] = xlogx(a, table) + xlogx(b, table) - xlogx(a + first, table) - xlogx(b + second, table)
        if right[g] or left[g] or itself:
            n = forth[g, g]
            gain[g] += (
                xlogx(n + right[g] + left[g] + itself, table)
                - xlogx(n + right[g], table)
                - xlogx(n + left[g], table)
                + xlogx(n, table)
            )
    for d in range(len(right)):
        if right[d]:
            same += joined(right[d], back[d], movable, table, gain)
            right[d] = 0
        if left[d]:
            same += joined(left[d], forth[d], movable, table, gain)
            left[d] = 0
    for g in range(movable):
        gain[g] += same


@compiled
def sweep(
    words: IntArray,
    movable: int,
    classes: IntArray,
    after: Any,
    before: Any,
    forth: IntArray,
    back: IntArray,
    sums: Any,
    table: Any,
) -> tuple[int, float]:
    """Move each of ``words`` in turn into the class with the greatest log-likelihood, in place.

    Returns the number of words that moved and the increase of the log-likelihood in nats.
    """
    right, left = np.zeros(len(sums[0]), np.int64), np.zeros(len(sums[0]), np.int64)
    gain = np.zeros(movable)
    moved, risen = 0, 0.0
    for word in words:
        old = classes[word]
        put(word, old, -1, classes, after, before, forth, back, sums)
        gains(word, movable, classes, after, before, forth, back, sums, table, right, left, gain)
        best = old
        for g in range(movable):
            if gain[g] > gain[best] + 1e-9:
                best = g
        if best != old:
            moved += 1
            risen += gain[best] - gain[old]
            classes[word] = best
        put(word, best, 1, classes, after, before, forth, back, sums)
    return moved, risen
