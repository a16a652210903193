"""Reading a document token by token: the next token is predicted from its contexts, and then counted.

Each function reads the tokens ``first`` to ``last`` - 1 of a document whose earlier tokens were read. It writes its
counts into ``journal``, (X, 2), in the form of ``tables.take_back``, and returns the number of entries.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lmcompare.compiled import compiled
from lmcompare.models.common.discounts import class_of, own_and_rest
from lmcompare.models.ppm.tables import ONCE_MORE, Keys, Tables, count, longer, slot_of
from lmcompare.tokens import FloatArray, IntArray

ROOT = 0x5851F42D4C957F2D  # the key of the empty context


@compiled
def _contexts(tables: Tables, ids: IntArray, at: int, start: int, keys: Keys, slots: IntArray) -> int:
    """Write keys and slots of the contexts of 0, 1, 2 ... tokens before a position; return how many were seen before.

    Before its first token a document has start marks, with the id ``start``.
    """
    key: Any = np.uint64(ROOT)
    known = 0
    for length in range(len(keys)):
        if length:
            key = longer(key, ids[at - length] if at >= length else start)
        keys[length] = key
        if known == length:
            slots[length] = slot_of(tables.contexts, key)
            known += tables.contexts[slots[length]] == key
    return known


@compiled
def _learn(tables: Tables, token: int, keys: Keys, slots: IntArray, known: int, journal: IntArray, size: int) -> int:
    """Count a token after its contexts, the longest first, and return the new length of the journal."""
    first = known - 1
    if known < len(keys):
        slot = slots[known]
        tables.contexts[slot] = keys[known]
        tables.sums[slot] = 0
        tables.used[0] += 1
        journal[size, 0], journal[size, 1] = slot, -1
        size, first = size + 1, known
    for length in range(first, -1, -1):
        key = longer(keys[length] ^ np.uint64(ROOT), token)
        pair = slot_of(tables.pairs, key)
        before = count(tables, slots[length], pair, key)
        journal[size, 0], journal[size, 1] = slots[length], pair
        size += 1
        if before >= ONCE_MORE:
            break
    return size


@compiled
def learn(tables: Tables, ids: IntArray, first: int, last: int, start: int, order: int, journal: IntArray) -> int:
    """Count the tokens."""
    keys, slots = np.empty(order + 1, np.uint64), np.empty(order + 1, np.int64)
    size = 0
    for at in range(first, last):
        known = _contexts(tables, ids, at, start, keys, slots)
        size = _learn(tables, ids[at], keys, slots, known, journal, size)
    return size


@compiled
def gather(
    tables: Tables,
    ids: IntArray,
    first: int,
    last: int,
    start: int,
    order: int,
    journal: IntArray,
    levels: IntArray,
    counts: IntArray,
    sums: IntArray,
    classes: IntArray,
) -> int:
    """Write the arrays of ``discounts.Gathered`` for each token.

    ``levels``, (``last`` - ``first``,), are the numbers of contexts; the others have ``order`` + 1 rows per token.
    """
    keys, slots = np.empty(order + 1, np.uint64), np.empty(order + 1, np.int64)
    n = size = 0
    for at in range(first, last):
        known = _contexts(tables, ids, at, start, keys, slots)
        levels[at - first] = known
        for length in range(known):
            found = tables.sums[slots[length]]
            counts[n] = tables.counts[slot_of(tables.pairs, longer(keys[length] ^ np.uint64(ROOT), ids[at]))]
            sums[n] = found
            classes[n] = class_of(length, length == known - 1, found[1:].sum())
            n += 1
        size = _learn(tables, ids[at], keys, slots, known, journal, size)
    return size


@compiled
def predict(
    tables: Tables,
    ids: IntArray,
    first: int,
    last: int,
    start: int,
    order: int,
    journal: IntArray,
    values: FloatArray,
    scores: FloatArray,
    wanted: IntArray,
    rows: FloatArray,
) -> int:
    """Write the probability of each token, and some distributions; the one after the end belongs to the last part.

    Parameters
    ----------
    values : FloatArray of shape (CLASSES, 5)
        The discounts and strengths.
    scores : FloatArray of shape (N,)
        Takes the probabilities of the tokens.
    wanted : IntArray of shape (N + 1,)
        The row of each position's distribution, -1 for none.
    rows : FloatArray of shape (B, V)
        Takes the distributions.
    """
    keys, slots = np.empty(order + 1, np.uint64), np.empty(order + 1, np.int64)
    classes, weights = np.empty(order + 1, np.int64), np.empty(order + 2)
    size = 0
    for at in range(first, last + (last == len(ids))):
        known = _contexts(tables, ids, at, start, keys, slots)
        _weigh(tables, slots, known, classes, values, weights)
        if wanted[at] >= 0:
            row = rows[wanted[at]]
            for token in range(start):
                row[token] = _probability(tables, token, start, keys, slots, known, classes, values, weights)
        if at < last:
            scores[at] = _probability(tables, ids[at], start, keys, slots, known, classes, values, weights)
            size = _learn(tables, ids[at], keys, slots, known, journal, size)
    return size


@compiled
def distribution(tables: Tables, ids: IntArray, at: int, order: int, values: FloatArray, row: FloatArray) -> None:
    """Write the distribution at a position into ``row``, (V,); the tokens of the document before it were read."""
    keys, slots = np.empty(order + 1, np.uint64), np.empty(order + 1, np.int64)
    classes, weights = np.empty(order + 1, np.int64), np.empty(order + 2)
    start = len(row)
    known = _contexts(tables, ids, at, start, keys, slots)
    _weigh(tables, slots, known, classes, values, weights)
    for token in range(start):
        row[token] = _probability(tables, token, start, keys, slots, known, classes, values, weights)


@compiled
def _weigh(
    tables: Tables, slots: IntArray, known: int, classes: IntArray, values: FloatArray, weights: FloatArray
) -> None:
    """Write the class of each context, and its weight: the product of the escapes of all longer ones.

    ``weights``, (``known`` + 1,), begins with the weight of the uniform distribution.
    """
    weights[known] = 1.0
    for length in range(known - 1, -1, -1):
        sums = tables.sums[slots[length]]
        classes[length] = class_of(length, length == known - 1, sums[1:].sum())
        weights[length] = weights[length + 1] * own_and_rest(0, sums, values[classes[length]])[1]


@compiled
def _probability(
    tables: Tables,
    token: int,
    types: int,
    keys: Keys,
    slots: IntArray,
    known: int,
    classes: IntArray,
    values: FloatArray,
    weights: FloatArray,
) -> float:
    """Return the probability of a token. A token that did not follow a context did not follow a longer one either."""
    p: float = weights[0] / types
    for length in range(known):
        n = tables.counts[slot_of(tables.pairs, longer(keys[length] ^ np.uint64(ROOT), token))]
        if n == 0:
            break
        p += weights[length + 1] * own_and_rest(n, tables.sums[slots[length]], values[classes[length]])[0]
    return p
