"""The counts that the fitting of discounts needs for a held-out text, from the index of the training text."""

from __future__ import annotations

import numpy as np

from lmcompare.compiled import compiled
from lmcompare.counts.suffixes import (
    BRANCH,
    KINDS,
    LENGTH,
    Contexts,
    Index,
    count_of,
    marked,
    marked_places,
    new_levels,
    new_room,
    summed,
    walk,
)
from lmcompare.models.common.discounts import Gathered, class_of
from lmcompare.tokens import Encoded, IntArray

HELD_OUT = 2**16  # the greatest number of tokens that discounts are fitted to


def held_out(contexts: Contexts, text: Encoded) -> Gathered:
    """Return the counts that the likelihood of a held-out text needs; of evenly spaced tokens if it is long."""
    return gather(contexts, text, np.linspace(0, len(text) - 1, min(len(text), HELD_OUT)).astype(np.int64))


def gather(contexts: Contexts, text: Encoded, at: IntArray) -> Gathered:
    """Return the counts that the likelihood of the tokens at B positions of a text needs."""
    query, places = marked(text), marked_places(text, at)
    offsets = np.zeros(len(at) + 1, np.int64)
    room = 8 * len(at)
    while True:
        counts, classes = np.empty(room, np.int32), np.empty(room, np.int32)
        sums = np.empty((room, KINDS + 1), np.int32)
        size = _gather(contexts.index, query, places, offsets, counts, sums, classes)
        if size <= room:
            return Gathered(
                offsets, text.vocabulary.is_unknown(text.ids[at]), counts[:size], sums[:size], classes[:size]
            )
        room = size


@compiled
def class_of_level(level: IntArray, sums: IntArray) -> int:
    """Return the class of a level with these ``sums``, as ``walking.summed`` writes them."""
    followers = 0
    for i in range(1, len(sums)):
        followers += sums[i]
    return class_of(level[LENGTH], level[BRANCH] != level[LENGTH], followers)


@compiled
def _gather(
    index: Index,
    query: IntArray,
    places: IntArray,
    offsets: IntArray,
    counts: IntArray,
    sums: IntArray,
    classes: IntArray,
) -> int:
    """Write the arrays of ``Gathered`` as far as there is room for them, and return the number of levels."""
    levels, room, n = new_levels(), new_room(), 0
    found = np.zeros(KINDS + 1, np.int32)
    for b in range(len(places)):
        for level in levels[: walk(index, query, places[b], levels)]:
            if n < len(counts):
                distinct = summed(index, level, room, found)
                counts[n] = count_of(index, level, room, distinct, query[places[b]])
                sums[n] = found
                classes[n] = class_of_level(level, found)
            n += 1
        offsets[b + 1] = n
    return n
