"""The counts of prediction by partial matching: the contexts that were read, and the tokens that followed each.

Contexts, and pairs of a context and the token after it, are found in two hash tables with open addressing. A context
is named by a hash of its tokens: with 63 bits, two of a hundred million contexts have the same hash with a
probability of 0.0005. Counts of a document that is read can be undone, the last count first.

A document is read token by token: the next token is predicted from its contexts, and then counted. ``learn``,
``gather`` and ``predict`` read the tokens ``first`` to ``last`` - 1 of a document whose earlier tokens were read.
They write their counts into ``journal``, (X, 2), in the form of ``take_back``, and return the number of entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled
from lmcompare.counts.suffixes import KINDS
from lmcompare.models.common.discounts import class_of, own_and_rest
from lmcompare.state import check_range, taken, whole
from lmcompare.tokens import FloatArray, IntArray

Keys = npt.NDArray[np.uint64]

ONCE_MORE = 2  # a token is counted in a shorter context, too, until it was seen this often in the longer one
FULL = 0.6  # the greatest share of slots in use
SMALLEST = 2**10
MOST = 2**30  # above the greatest count of a pair, so that reading a document does not take it beyond 32 bits
ROOT = 0x5851F42D4C957F2D  # the key of the empty context


class Tables(NamedTuple):
    """The hash tables. A key of 0 is an empty slot.

    Parameters
    ----------
    contexts : array of uint64, shape (S,)
        The keys of the contexts; S is a power of two.
    sums : IntArray of shape (S, 5)
        For each context the sum of its counts, and how many of them are 1, 2, 3, and 4 or more.
    pairs : array of uint64, shape (R,)
        The keys of the pairs; R is a power of two.
    counts : IntArray of shape (R,)
        The count of each pair.
    used : IntArray of shape (2,)
        How many contexts and how many pairs there are.
    """

    contexts: Keys
    sums: IntArray
    pairs: Keys
    counts: IntArray
    used: IntArray


def packed(tables: Tables) -> dict[str, npt.NDArray[Any]]:
    """Return the contexts and pairs in the order of their keys, as arrays to store."""
    of_contexts, of_pairs = np.flatnonzero(tables.contexts), np.flatnonzero(tables.pairs)
    of_contexts = of_contexts[np.argsort(tables.contexts[of_contexts])]
    of_pairs = of_pairs[np.argsort(tables.pairs[of_pairs])]
    return {
        "contexts": tables.contexts[of_contexts],
        "sums": tables.sums[of_contexts],
        "pairs": tables.pairs[of_pairs],
        "counts": tables.counts[of_pairs],
    }


def restored(arrays: Mapping[str, npt.NDArray[Any]]) -> Tables:
    """Return tables with the arrays that ``packed`` returned. Raises ``DamagedStateError`` for other arrays."""
    for keys, numbers, shape, least in ("contexts", "sums", (KINDS + 1,), 0), ("pairs", "counts", (), 1):
        own = taken(arrays, keys, (np.uint64,), (None,))
        check_range(keys, own, 1, 2**64 - 1)
        whole(arrays, numbers, (len(own), *shape), MOST, least)
    return filled(arrays)


def filled(arrays: Mapping[str, npt.NDArray[Any]], more: tuple[int, int] = (0, 0)) -> Tables:
    """Return tables with the contexts and pairs that ``packed`` returned, and with room for some more."""
    contexts, sums, pairs, counts = (np.array(arrays[name]) for name in ("contexts", "sums", "pairs", "counts"))
    tables = sized(len(contexts) + more[0], len(pairs) + more[1])
    _fill(tables, contexts, sums, pairs, counts)
    return tables


def with_room(tables: Tables, contexts: int, pairs: int) -> Tables:
    """Return the tables themselves if they have room for this many more contexts and pairs, or else a larger copy."""
    needed = _slots(int(tables.used[0]) + contexts), _slots(int(tables.used[1]) + pairs)
    if needed[0] <= len(tables.contexts) and needed[1] <= len(tables.pairs):
        return tables
    return filled(packed(tables), (contexts, pairs))


def _slots(entries: int) -> int:
    return max(SMALLEST, 1 << int(np.ceil(np.log2(entries / FULL + 1))))


def sized(contexts: int, pairs: int) -> Tables:
    """Return tables without a context, and with room for this many."""
    sums, counts = np.zeros((_slots(contexts), KINDS + 1), np.int32), np.zeros(_slots(pairs), np.int32)
    return Tables(np.zeros(len(sums), np.uint64), sums, np.zeros(len(counts), np.uint64), counts, np.zeros(2, int))


@compiled
def _fill(tables: Tables, contexts: Keys, sums: IntArray, pairs: Keys, counts: IntArray) -> None:
    for i in range(len(contexts)):
        slot = slot_of(tables.contexts, contexts[i])
        tables.contexts[slot], tables.sums[slot] = contexts[i], sums[i]
    for i in range(len(pairs)):
        slot = slot_of(tables.pairs, pairs[i])
        tables.pairs[slot], tables.counts[slot] = pairs[i], counts[i]
    tables.used[0] += len(contexts)
    tables.used[1] += len(pairs)


@compiled
def mixed(key: Any) -> Any:
    """Return a uint64 whose bits all depend on all bits of another one (the finaliser of MurmurHash3); never 0."""
    key ^= key >> np.uint64(33)
    key *= np.uint64(0xFF51AFD7ED558CCD)
    key ^= key >> np.uint64(33)
    key *= np.uint64(0xC4CEB9FE1A85EC53)
    key ^= key >> np.uint64(33)
    return key | np.uint64(1)


@compiled
def longer(key: Any, token: int) -> Any:
    """Return the key of a context with one more token before it, or of a pair with the token after it."""
    return mixed(key * np.uint64(0x9E3779B97F4A7C15) + np.uint64(token + 1))


@compiled
def slot_of(keys: Keys, key: Any) -> Any:
    """Return the slot that has a key, or the empty one where it belongs."""
    mask = np.uint64(len(keys) - 1)
    slot = (key >> np.uint64(7)) & mask
    while keys[slot] != key and keys[slot] != 0:
        slot = (slot + np.uint64(1)) & mask
    return np.int64(slot)


@compiled
def count(tables: Tables, context: int, pair: int, key: Any) -> int:
    """Count the pair at a slot once more, after the context at a slot; return the count before."""
    before: int = tables.counts[pair]
    if before == 0:
        tables.pairs[pair] = key
        tables.used[1] += 1
    else:
        tables.sums[context, min(before, KINDS)] -= 1
    tables.counts[pair] = before + 1
    tables.sums[context, min(before + 1, KINDS)] += 1
    tables.sums[context, 0] += 1
    return before


@compiled
def take_back(tables: Tables, journal: IntArray) -> None:
    """Undo counts, the last count first.

    ``journal``, (X, 2), has the slots of a context and of a pair that was counted; -1 in place of the pair where the
    context was new.
    """
    for i in range(len(journal) - 1, -1, -1):
        context, pair = journal[i]
        if pair < 0:
            tables.contexts[context] = 0
            tables.used[0] -= 1
            continue
        count_now = tables.counts[pair]
        tables.sums[context, min(count_now, KINDS)] -= 1
        tables.sums[context, 0] -= 1
        tables.counts[pair] = count_now - 1
        if count_now == 1:
            tables.pairs[pair] = 0
            tables.used[1] -= 1
        else:
            tables.sums[context, min(count_now - 1, KINDS)] += 1


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
