"""Probabilities of tokens, and distributions, after contexts of any length, before <unk> gets a share in advance."""

from __future__ import annotations

import numpy as np

from lmcompare.compiled import compiled
from lmcompare.counts.suffixes.contexts import KINDS, Index
from lmcompare.counts.suffixes.walking import NODE, count_of, new_levels, new_room, summed, walk
from lmcompare.models.common.discounts import own_and_rest
from lmcompare.models.infinite_gram.estimator import class_of_level
from lmcompare.tokens import FloatArray, IntArray


@compiled
def score(index: Index, values: FloatArray, query: IntArray, places: IntArray) -> FloatArray:
    """(B,) the probabilities of the tokens at B places of a text with start marks.

    Parameters
    ----------
    index : Index
        The contexts of the training text.
    values : FloatArray of shape (CLASSES, 5)
        The discounts and strengths.
    query : IntArray
        The text.
    places : IntArray of shape (B,)
        The places.
    """
    levels, room, sums = new_levels(), new_room(), np.zeros(KINDS + 1, np.int32)
    scores = np.empty(len(places))
    for b in range(len(places)):
        p = 1 / (len(index.first) - 2)
        for level in levels[: walk(index, query, places[b], levels)]:
            distinct = summed(index, level, room, sums)
            count = count_of(index, level, room, distinct, query[places[b]])
            own, rest = own_and_rest(count, sums, values[class_of_level(level, sums)])
            p = own + rest * p
        scores[b] = p
    return scores


@compiled
def fill(
    index: Index, values: FloatArray, frequencies: FloatArray, query: IntArray, places: IntArray, rows: FloatArray
) -> None:
    """Write the distributions after B places of a text with start marks into ``rows``, (B, V), in nats.

    ``frequencies``, (V,), are the log-probabilities after the empty context. A row is these times the weight of the
    empty context; only the tokens that followed a longer context have more.
    """
    levels, room, sums = new_levels(), new_room(), np.zeros(KINDS + 1, np.int32)
    more, seen = np.zeros(rows.shape[1]), np.empty(rows.shape[1], np.int32)
    for b in range(len(places)):
        n = walk(index, query, places[b], levels)
        weight, n_seen = 1.0, 0
        for k in range(n - 1, 0, -1):
            level = levels[k]
            distinct = summed(index, level, room, sums)
            of_class = values[class_of_level(level, sums)]
            first = index.offsets[level[NODE]] if distinct < 0 else 0
            end = index.offsets[level[NODE] + 1] if distinct < 0 else distinct
            for i in range(first, end):
                word = index.following[i] if distinct < 0 else room[0, i]
                count = index.counts[i] if distinct < 0 else room[1, i]
                if more[word] == 0.0 and n_seen < len(seen):
                    seen[n_seen] = word
                    n_seen += 1
                more[word] += weight * own_and_rest(count, sums, of_class)[0]
            weight *= own_and_rest(0, sums, of_class)[1]
        row, shift = rows[b], np.log(weight)
        for word in range(len(row)):
            row[word] = frequencies[word] + shift
        for i in range(n_seen):
            word = seen[i]
            row[word] = np.log(more[word] + weight * np.exp(frequencies[word]))
            more[word] = 0.0


@compiled
def after_nothing(index: Index, values: FloatArray) -> FloatArray:
    """(V,) nats: the log-probabilities after the empty context."""
    probabilities = np.zeros(len(index.first) - 2)
    of_class = values[class_of_level(np.zeros(5, np.int32), index.sums[0])]
    for i in range(index.offsets[1]):
        probabilities[index.following[i]] = own_and_rest(index.counts[i], index.sums[0], of_class)[0]
    probabilities += own_and_rest(0, index.sums[0], of_class)[1] / len(probabilities)
    return np.log(probabilities)
