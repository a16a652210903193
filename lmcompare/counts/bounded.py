"""The counts of ``ngrams`` in bounded memory: sorted runs on disk, merged order by order.

A block of the text that fits into memory is counted as ``ngrams`` counts a whole text, and its n-grams of every order
are written to disk, sorted: a *run*. Free nodes of a cluster may count some of the blocks. The n-grams of order k + 1
are merged from the runs context by context: their contexts, the k-grams, were merged before, and the words after one
context are side by side in every run. So the runs, and the arrays made from them, are read and written from their
beginning to their end. Only the k-gram without the first word is elsewhere: it is searched for among the words that
follow the context without its first word. These places rise as long as the first word is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled
from lmcompare.counts import ngrams
from lmcompare.counts.ngrams import Counts, Room, extend, latest_grams, nodes_of, places, sort_by_word, statistics
from lmcompare.counts.table import MOST, find, read_only
from lmcompare.errors import LmcompareError
from lmcompare.memory import ScratchFile
from lmcompare.processes.cluster_work import shared
from lmcompare.tokens import IntArray

POSITION_BYTES = 48  # bytes of memory for each position of a block, while it is sorted
MERGED = 2**20  # n-grams that are merged before they are written


class Column:
    """An array that is written to a file part by part."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._dtype, self._file = np.dtype(dtype), ScratchFile()

    def __len__(self) -> int:
        return self._file.size // self._dtype.itemsize

    def append(self, part: npt.NDArray[Any]) -> int:
        """Write (n,) more elements, and return where they begin."""
        begin = len(self)
        self._file.append(np.ascontiguousarray(part, self._dtype).view(np.uint8).data)
        return begin

    def finish(self) -> npt.NDArray[Any]:
        """Return the whole array, read-only."""
        return self._file.array(self._dtype, (len(self),)) if len(self) else np.zeros(0, self._dtype)


@dataclass(frozen=True, eq=False)
class Runs:
    """R sorted runs of all orders, in one file.

    ``raw``: (V + 1,) how often each word occurs. ``data``: the file, int32. ``begins`` and ``sizes``: (R, n) where
    the k-grams of a run begin in the file, and how many there are. The file has their last words, then how often each
    occurs in the block, then how many words follow each of their contexts. Column 0 stays empty.
    """

    raw: IntArray
    data: IntArray
    begins: IntArray
    sizes: IntArray


def count(words: IntArray, order: int, start: int, end: int, room: Room, threads: int = 1) -> Iterator[Counts]:
    """Count the n-grams of a text and yield them order by order: in memory, if the room has no limit.

    Parameters
    ----------
    words, order, start, end, threads
        As in ``ngrams.count``.
    room : Room
        Where the counts are made; its limit decides how long the blocks are.

    Raises
    ------
    LmcompareError
        If the text is too long, or the temporary folder has no room.
    """
    if len(words) > MOST:
        raise LmcompareError(
            f"the training text has {len(words):,} tokens, with <s> before each sentence, but n-grams can be counted"
            f" in at most {MOST:,}: train on less text"
        )
    if room.limit is None:
        return ngrams.count(words, order, start, end, threads)
    return _count_on_disk(words, order, start, end, room, threads)


def _count_on_disk(words: IntArray, order: int, start: int, end: int, room: Room, threads: int) -> Iterator[Counts]:
    width = start + 1
    latest = latest_grams(words, places(words, start, end), order)
    last_grams = [words[at - k : at + 1] for k, at in enumerate(latest)]
    runs = _sorted_runs(words, order, start, room, threads)
    all_words: IntArray = np.arange(width, dtype=np.int32)
    level = Counts(
        width, all_words, np.array([0, width], np.int32), np.zeros(width, np.int32), runs.raw, runs.raw, runs.raw
    )
    merged = np.tile(all_words, len(runs.begins))  # the nodes of the k-grams of all runs
    first_initial = start  # the k-grams that begin with <s>, the greatest id, come after all others
    lower: list[Counts] = []
    for k in range(1, order):
        longer_words, longer_raw, offsets, merged = _merged(runs, k, len(level), merged, room)
        shorter = longer_words if k == 1 else _without_first(level, offsets, longer_words, room)
        adjusted = _occurrences(shorter, len(level), room)
        adjusted[first_initial:] = level.raw[first_initial:]
        lower.append(level)
        last = int(nodes_of(lower, last_grams[k - 1])[-1][-1]) if k <= len(latest) else None
        yield _with(level, adjusted, last)
        first_initial = int(offsets[first_initial])
        level = Counts(width, longer_words, offsets, shorter, longer_raw, longer_raw, longer_raw)
    yield _with(level, level.raw, None)


def _with(level: Counts, adjusted: IntArray, last: int | None) -> Counts:
    """Return a level with its adjusted counts and their statistics."""
    return replace(level, adjusted=adjusted, statistics=statistics(adjusted, level.raw, last))


def _sorted_runs(words: IntArray, order: int, start: int, room: Room, threads: int) -> Runs:
    """Count the text block by block."""
    width, file = start + 1, Column(np.int32)
    raw = np.zeros(width, np.int64)
    begins: list[list[int]] = []
    sizes: list[list[int]] = []
    block = max(1, (room.limit or 0) // POSITION_BYTES)
    blocks = (
        (np.array(words[first : first + block + order - 1]), min(block, len(words) - first), order, start, threads)
        for first in range(0, len(words), block)
    )
    for found in shared(sorted_block, blocks, threads):
        levels = iter(found)
        raw += next(levels)[0]
        begins.append([0])
        sizes.append([width])
        for longer, counts, children in levels:
            begins[-1].append(file.append(longer))
            file.append(counts)
            file.append(children)
            sizes[-1].append(len(longer))
    raw[start] = 0
    return Runs(raw.astype(np.int32), file.finish(), np.array(begins), np.array(sizes))


def sorted_block(text: IntArray, size: int, order: int, start: int, threads: int) -> Iterator[tuple[IntArray, ...]]:
    """Count the n-grams that begin at the first ``size`` words of a text, and yield them sorted.

    First comes how often each word occurs, (V + 1,). Then for each order from 2 on: the last words of the n-grams,
    how often each occurs, and how many words follow each of their contexts.
    """
    positions, spans = sort_by_word(text[:size], start + 1)
    yield (np.diff(spans),)
    for _ in range(1, order):
        longer, positions, spans, children = extend(threads, text, start, positions, spans)
        yield longer, np.diff(spans), children


def _merged(
    runs: Runs, k: int, contexts: int, merged: IntArray, room: Room
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Merge the (k+1)-grams of all runs.

    Returns their last words, their counts, the offsets of the contexts, and the nodes of the (k+1)-grams of all runs.
    ``merged`` has the nodes of the k-grams of all runs.
    """
    sizes = runs.sizes[:, k]
    before = np.cumsum(runs.sizes[:, k - 1]) - runs.sizes[:, k - 1]
    longer_words, longer_raw, offsets = Column(np.int32), Column(np.int32), room.empty(contexts + 1, np.int32)
    nodes = room.empty(int(sizes.sum()), np.int32)
    # for each run: the next k-gram, the one past the last, where its nodes begin in ``merged``, the next (k+1)-gram,
    # where its nodes begin in ``nodes``
    state = np.zeros((len(sizes), 5), np.int64)
    state[:, 1], state[:, 2], state[:, 4] = runs.sizes[:, k - 1], before, np.cumsum(sizes) - sizes
    some = max(MERGED, len(runs.raw))
    out_words, out_raw = np.empty(some, np.int32), np.empty(some, np.int32)
    offsets[0] = done = made = 0
    while done < contexts:
        given = (read_only(runs.data), np.ascontiguousarray(runs.begins[:, k]), np.ascontiguousarray(sizes), merged)
        done, filled = _merge(done, contexts, made, *given, nodes, state, out_words, out_raw, offsets)
        longer_words.append(out_words[:filled])
        longer_raw.append(out_raw[:filled])
        made += filled
    return longer_words.finish(), longer_raw.finish(), offsets, nodes


@compiled
def _merge(
    context: int,
    contexts: int,
    made: int,
    data: IntArray,
    begins: IntArray,
    sizes: IntArray,
    merged: IntArray,
    nodes: IntArray,
    state: IntArray,
    words: IntArray,
    raw: IntArray,
    offsets: IntArray,
) -> tuple[int, int]:
    """Merge the n-grams after the contexts from ``context`` on, as long as there is room in ``words`` and ``raw``.

    ``made``: how many n-grams there are so far. Returns the context after the last one, and how many were merged.
    """
    runs, filled = len(sizes), 0
    active, left = np.empty(runs, np.int64), np.empty(runs, np.int64)
    while context < contexts:
        number = most = 0
        for run in range(runs):
            at = state[run, 0]
            if at < state[run, 1] and merged[state[run, 2] + at] == context:
                active[number] = run
                left[number] = data[begins[run] + 2 * sizes[run] + at]
                most += left[number]
                number += 1
        if filled + min(most, len(words)) > len(words):  # the words after one context always fit
            break
        for j in range(number):
            state[active[j], 0] += 1
        if number == 1:
            run = active[0]
            first, to = begins[run] + state[run, 3], state[run, 4] + state[run, 3]
            for j in range(most):
                words[filled] = data[first + j]
                raw[filled] = data[first + sizes[run] + j]
                nodes[to + j] = made + filled
                filled += 1
            state[run, 3] += most
        else:
            while most > 0:
                least = np.int64(2) ** 32
                for j in range(number):
                    if left[j] > 0:
                        word = np.int64(data[begins[active[j]] + state[active[j], 3]])
                        least = min(least, word)
                words[filled] = least
                total = 0
                for j in range(number):
                    run = active[j]
                    at = begins[run] + state[run, 3]
                    if left[j] > 0 and data[at] == least:
                        total += data[at + sizes[run]]
                        nodes[state[run, 4] + state[run, 3]] = made + filled
                        state[run, 3] += 1
                        left[j] -= 1
                        most -= 1
                raw[filled] = total
                filled += 1
        context += 1
        offsets[context] = made + filled
    return context, filled


def _without_first(level: Counts, offsets: IntArray, words: IntArray, room: Room) -> IntArray:
    """Return, for each (k+1)-gram, the node of the k-gram without its first word.

    ``level``: the k-grams. ``offsets`` and ``words``: those of the (k+1)-grams.
    """
    found = room.empty(len(words), np.int32)
    for first in range(0, len(level), MERGED):
        ends = offsets[first : first + MERGED + 1]
        contexts = np.repeat(level.shorter[first : first + MERGED], np.diff(ends))
        found[ends[0] : ends[-1]] = find(level.offsets, level.words, contexts, words[ends[0] : ends[-1]])
    return found


def _occurrences(nodes: IntArray, size: int, room: Room) -> IntArray:
    """(size,) how often each node occurs in an array, which is read once for each part of the counts that fits."""
    counts = room.empty(size, np.int32)
    some = max(1, (room.limit or 4 * size) // 4)
    for first in range(0, size, some):
        part = np.zeros(min(some, size - first), np.int32)
        _count_nodes(read_only(nodes), first, part)
        counts[first : first + len(part)] = part
    return counts


@compiled
def _count_nodes(nodes: IntArray, first: int, counts: IntArray) -> None:
    """Count the nodes from ``first`` on."""
    for node in nodes:
        if first <= node < first + len(counts):
            counts[node - first] += 1
