"""The n-grams of a text, counted in every order: how often each occurs and after how many words.

All positions of the text are kept sorted by the k-gram that ends there, so that the occurrences of each k-gram are
side by side: its *span*. Sorting each span by the word that follows gives the (k+1)-grams, numbered as the nodes of
``lookup.level``; most spans have a position or two, so that there is next to nothing to sort. Spans do not touch each
other: several threads can share them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from lmcompare.compiled import share
from lmcompare.counts.counting import ngrams_compiled as loops
from lmcompare.counts.lookup.level import NOTHING, find
from lmcompare.tokens import IntArray

BLOCK = 2**20  # how many words or counts are looked at at a time


@dataclass(frozen=True, eq=False)
class Counts:
    """The n_k k-grams of one order of train.

    ``width``: V + 1. ``words``: (n_k,) int32, the last word of each. ``offsets``: (n_{k-1} + 1,) the k-grams of
    context node c are ``offsets[c]:offsets[c + 1]``, their words rising. ``shorter``: (n_k,) the node of the
    (k-1)-gram without the first word. ``raw``: (n_k,) how often the k-gram stands in train. ``adjusted``: (n_k,) what
    the estimate is made from: the raw count, if k is the highest order or the k-gram begins with ``<s>``; else how
    many distinct words, ``<s>`` among them, stand before it. ``statistics``: (4,) how many k-grams have the adjusted
    count 1, 2, 3, 4.
    """

    width: int
    words: IntArray
    offsets: IntArray
    shorter: IntArray
    raw: IntArray
    adjusted: IntArray
    statistics: IntArray

    def __len__(self) -> int:
        return len(self.words)

    @property
    def contexts(self) -> IntArray:
        """(n_k,) int64, rising: the context node of each k-gram."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    @property
    def keys(self) -> IntArray:
        """(n_k,) int64, rising: context node times (V + 1) plus word."""
        return self.contexts * self.width + self.words


def count(words: IntArray, order: int, start: int, end: int, unknown: int = 0, threads: int = 1) -> Iterator[Counts]:
    """Count the n-grams of a text and yield them order by order.

    Parameters
    ----------
    words : ndarray of shape (N + S,)
        Ids, sentences that each begin with ``<s>``. No n-gram has ``<s>`` but as its first word, and its unigram has
        the count 0.
    order : int
        The longest n-grams, 1 or more.
    start, end, unknown : int
        The ids of ``<s>``, which is V, of ``</s>`` and of ``<unk>``.
    threads : int
        How many parts of the text are sorted at a time; the counts do not depend on it.
    """
    words = np.ascontiguousarray(words, np.int32)
    width = start + 1
    latest = latest_grams(words, places(words, start, end, unknown), order)
    positions, begins = loops.sort_by_word(words, width)
    nodes = words.copy()  # (N + S,) the node of the longest k-gram so far that ends at each position
    word: IntArray = np.arange(width, dtype=np.int32)
    shorter: IntArray = np.zeros(width, np.int32)
    offsets: IntArray = np.array([0, width], np.int32)
    raw: IntArray = np.diff(begins)
    raw[start] = 0
    first_initial = start  # the k-grams that begin with <s>, the greatest id, stand after all others
    for k in range(1, order):
        last = int(nodes[latest[k - 1]]) if k <= len(latest) else None
        longer, positions, begins, children = _extend(threads, words, start, positions, begins)
        longer_shorter = np.empty(len(longer), np.int32)
        numbered = (positions, begins, nodes, longer_shorter, k + 1 < order)
        share(threads, begins, partial(loops.number, *numbered))
        if k + 1 == order:
            del words, positions, nodes, numbered  # the estimates can have their room
        adjusted = loops.occurrences(longer_shorter, len(word))
        adjusted[first_initial:] = raw[first_initial:]
        yield Counts(width, word, offsets, shorter, raw, adjusted, statistics(adjusted, raw, last))
        offsets = np.append(np.int32(0), np.cumsum(children, dtype=np.int32))
        del children, adjusted
        first_initial = int(offsets[first_initial])
        word, shorter, raw = longer, longer_shorter, np.diff(begins)
    del begins
    yield Counts(width, word, offsets, shorter, raw, raw, statistics(raw, raw))


def _extend(
    threads: int, words: IntArray, start: int, positions: IntArray, begins: IntArray
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Return the words of the longer n-grams, their sorted positions (written over the old ones), the beginnings of
    their spans with the end of the last, and how many of them each context has.
    """
    longer, longer_begins = np.empty(len(positions), np.int32), np.empty(len(positions) + 1, np.int32)
    children = np.empty(len(begins) - 1, np.int32)
    most = int(np.diff(begins).max(initial=0))

    def part(first: int, last: int) -> tuple[int, int, int]:
        keys, spare = np.empty(most, np.uint64), np.empty(most, np.uint64)
        arrays = (words, positions, begins, longer, longer_begins, children, keys, spare)
        return int(begins[first]), *loops.extend_part(first, last, start, *arrays)

    filled = made = 0
    for begin, position_end, gram_end in share(threads, begins, part):  # close the gaps between the parts
        n_positions, n_grams = position_end - begin, gram_end - begin
        positions[filled : filled + n_positions] = positions[begin:position_end]
        longer[made : made + n_grams] = longer[begin:gram_end]
        longer_begins[made : made + n_grams] = longer_begins[begin:gram_end] - (begin - filled)
        filled, made = filled + n_positions, made + n_grams
    longer_begins[made] = filled
    longer.resize(made, refcheck=False)
    longer_begins.resize(made + 1, refcheck=False)
    return longer, positions[:filled], longer_begins, children


def nodes_of(levels: Sequence[Counts], words: IntArray) -> list[IntArray]:
    """Return for each order, (N,), the node of the k-gram that ends at each word of a text; ``NOTHING`` if unseen.

    ``words``: (N,) ids, sentences that each begin with ``<s>``.
    """
    nodes = [words]
    for level in levels[1:]:
        contexts = np.append(NOTHING, nodes[-1][:-1])[: len(words)]
        nodes.append(find(level.offsets, level.words, contexts, words))
    return nodes


def places(words: IntArray, start: int, end: int, unknown: int = 0) -> IntArray:
    """(V + 1,) the ids that ``lmplz`` would give: ``<unk>``, ``<s>``, ``</s>``, then words by first appearance.

    Types that do not stand in train come last, by their ids here.
    """
    appeared = np.arange(start + 1) + len(words)
    for block in reversed(range(0, len(words), BLOCK)):
        part = words[block : block + BLOCK][::-1]
        appeared[part] = np.arange(block + len(part), block, -1) - 1  # the first appearance is written last
    appeared[[unknown, start, end]] = -3, -2, -1
    ranks = np.empty(start + 1, np.int64)
    ranks[np.argsort(appeared)] = np.arange(start + 1)
    return ranks


def latest_grams(words: IntArray, places: IntArray, order: int) -> list[int]:
    """Return where a last k-gram ends, for k = 1, 2 … below ``order``, for as long as there is one.

    The last in the order that ``lmplz`` sorts by: last word first, words by their places. It enters the counts of
    counts with its raw count there, though its probability is estimated from the adjusted one.
    """
    start = len(places) - 1
    stands = np.zeros(start + 1, np.bool_)
    for block in range(0, len(words), BLOCK):
        stands[words[block : block + BLOCK]] = True
    stands[start] = False
    if not stands.any():
        return []
    ends = np.flatnonzero(words == np.where(stands, places, -1).argmax())
    latest = [int(ends[0])]
    for k in range(2, order):
        ends = ends[words[ends - (k - 2)] != start]  # nothing stands before <s>
        if not len(ends):
            break
        place = places[words[ends - (k - 1)]]
        ends = ends[place == place.max()]
        latest.append(int(ends[0]))
    return latest[: order - 1]


def statistics(adjusted: IntArray, raw: IntArray, last: int | None = None) -> IntArray:
    """(4,) how many counts are 1, 2, 3, 4; that of the node ``last`` goes in raw."""
    n = np.zeros(6, np.int64)
    for block in range(0, len(adjusted), BLOCK):
        n += np.bincount(np.minimum(adjusted[block : block + BLOCK], 5), minlength=6)
    if last is not None:
        n[min(adjusted[last], 5)] -= 1
        n[min(raw[last], 5)] += 1
    return n[1:5]
