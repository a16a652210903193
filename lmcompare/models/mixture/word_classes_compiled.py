"""The loops of the exchange algorithm; ``clusters`` says what they compute.

A *pair table* is ``offsets`` (W + 1,), ``others`` and ``counts``: the words beside word w and how often they stand
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
    """x ln x, 0 for 0; ``table`` holds it for small x."""
    value: float = table[x] if x < len(table) else x * np.log(x)
    return value


@compiled
def put(
    word: int, c: int, by: int, classes: IntArray, after: Any, before: Any, forth: IntArray, back: IntArray, sums: Any
) -> None:
    """Add ``by`` times (1: put in, -1: take out) the pairs of a word to the counts of class ``c``.

    ``after``, ``before``: the pair tables of the words to its right and to its left. ``forth``: (K, K) how often
    each class stands before each; ``back``: its transpose. ``sums``: (2, K), how often each class stands first and
    second.
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
    """Add to ``gain`` what n pairs win where a class has such pairs already, as often as ``row`` (K,) says.

    Returns what they win in every class.
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
    """Write by how many nats the log-likelihood grows if a word that is in no class is put into each class.

    ``gain``: (``movable``,) what is written, for the first classes, those that words may move to. ``right``,
    ``left``: (K,) zeros to work in. The rest as for ``put``.
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
    """Move each of ``words`` in turn into the class where the log-likelihood is greatest, in place.

    Returns how many moved and by how many nats the log-likelihood rose.
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
