"""Interpolated modified Kneser-Ney smoothing (Chen and Goodman 1999), as KenLM's ``lmplz`` estimates it.

``p(w | h) = (c(hw) - D(c(hw))) / c(h·) + γ(h) p(w | h')`` with ``γ(h) = Σ_w D(c(hw)) / c(h·)``, where h' is h without
its first word. There are two steps: the discounts D are computed from the counts of counts, and the probabilities are
interpolated from the unigrams up. Both use float32 and the order of operations of ``lmplz``, so the results are equal
to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled, prefetch, share
from lmcompare.counts.level import BoolArray, Float32Array, Level, compact, read_only
from lmcompare.counts.ngrams import AHEAD, BLOCK, Counts
from lmcompare.counts.room import IN_MEMORY, Room
from lmcompare.counts.table import BackoffTable
from lmcompare.exhibits import latex_lines
from lmcompare.model import Idea
from lmcompare.models.ngram.smoothing.base import Case, Lines, Smoothing, no_constants
from lmcompare.tokens import IntArray

FALLBACK = (0.5, 1.0, 1.5)


class KneserNey(Smoothing):
    """Interpolated modified Kneser-Ney smoothing; the constants are the ``discounts``.

    Parameters
    ----------
    fallback : bool, default True
        Whether an order whose counts give no discounts takes 0.5, 1 and 1.5 and adds a note; otherwise it is an
        error.
    prune : sequence of int, default (0,)
        For each order from the unigrams up, n-grams that occur this often or less are left out.
    """

    name = "kneser-ney"
    title = "Kneser-Ney"
    idea = Idea(1999, "Chen and Goodman", "An empirical study of smoothing techniques for language modeling")
    uses = frozenset({"fallback", "prune"})
    counted = (
        "Below the highest order a count is not a frequency but the number of different words before the n-gram,"
        " unless it begins with <s>."
    )
    equation = latex_lines(
        r"P(w \mid h) &= \frac{c(h\,w) - D(c(h\,w))}{\sum_v c(h\,v)} + \gamma(h)\,P(w \mid h')",
        r"\gamma(h) &= \frac{\sum_v D(c(h\,v))}{\sum_v c(h\,v)}",
    )
    saying = (
        "Use the count of the word after this context, less a discount. The discounts together, γ(h), go to the"
        " prediction of the shorter context, which lacks the first word. Below the highest order a count is not a"
        " frequency but the number of different words before the n-gram: a word that follows many different words is"
        " more likely to follow a new one."
    )

    def __init__(self, fallback: bool = True, prune: Sequence[int] = (0,)) -> None:
        self.fallback, self.prune = fallback, list(prune)
        if any(self.prune):
            self.saying += " The counts of pruned n-grams go to γ(h) too; otherwise they count as not seen."
            self.caution = " Pruned n-grams count as not seen."

    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        """Estimate the discounts and the table; ``valid`` is not read."""
        table, found = estimate(counts, size, self.prune, self.threads, self.room)
        self.constants = [[list(d.amounts), d.reason] for d in found]
        notes = []
        for k, discount in enumerate(found, 1):
            if discount.reason and not self.fallback:
                raise no_constants(k, "discounts", discount.reason)
            if discount.reason:
                notes.append(f"The {k}-grams take the discounts 0.5, 1 and 1.5 ({discount.reason}).")
            if 0 in discount.amounts:
                notes.append(f"A discount of the {k}-grams is 0: after some contexts unseen words are impossible.")
        if any(self.prune):
            thresholds = ", ".join(map(str, self.prune))
            notes.append(f"Pruned: of the orders 1, 2 …, n-grams seen at most {thresholds} times are left out.")
        self.notes = tuple(notes)
        return table

    @property
    def discounts(self) -> tuple[Discounts, ...]:
        """The discounts of each order."""
        return tuple(Discounts((d1, d2, d3), reason) for (d1, d2, d3), reason in self.constants)

    def lines(self, case: Case) -> Lines:
        """Return the worked equation."""
        discount, total = self.discounts[case.order - 1], case.total
        taken, saved = float(discount.of(np.array([case.count]))[0]), float(discount.of(case.counts).sum())
        gamma, of_gamma = saved / total if case.weight is None else case.weight, "the discounts of all these counts"
        if case.weight is not None and self.prune[min(case.order, len(self.prune)) - 1]:
            # The counts of pruned n-grams are gone, but γ(h) of the table, (saved + pruned) / total, includes them.
            total = max(total, round((total - saved) / max(1 - gamma, float(np.finfo(np.float32).eps))))
            of_gamma = "the discounts of the n-grams that were kept and the counts of the others"
        frequency = "its count in the training text"
        return [
            case.count_line(frequency if case.highest else "the number of different words before it"),
            ("D: the discount of this count", taken),
            (case.total_line()[0], total),
            ("(c − D) / Σ c", (case.count - taken) / total),
            (f"γ(h): {of_gamma}, over Σ c", gamma),
            case.lower_line(),
            (f"γ(h) · {case.of_shorter()}" if case.order > 1 else "γ(h) / V", gamma * case.lower),
            (case.of_word(), (case.count - taken) / total + gamma * case.lower),
        ]


@dataclass(frozen=True)
class Discounts:
    """The discounts of one order for the counts 1, 2, and 3 or more; ``reason`` says why they are the fixed ones."""

    amounts: tuple[float, float, float]
    reason: str = ""

    def of(self, counts: IntArray) -> Float32Array:
        """Return the discount of each count, 0 for the count 0."""
        discount: Float32Array = np.array([0.0, *self.amounts], np.float32)[counts.clip(max=3)]
        return discount


def discounts(statistics: IntArray) -> Discounts:
    """Return the discounts of one order as Chen and Goodman (1999) estimate them, in float32.

    They are 0.5, 1 and 1.5, with the reason, if no n-gram has the count 1, 2 or 3, or if a discount would be below 0
    or above its count. ``statistics``, (4,), has the numbers of n-grams with the counts 1, 2, 3 and 4.
    """
    for j in (1, 2, 3):
        if not statistics[j - 1]:
            return Discounts(FALLBACK, f"no n-gram has the count {j}")
    f, n = np.float32, [np.float32(x) for x in statistics]
    y = n[0] / f(statistics[0] + 2.0 * statistics[1])
    d1, d2, d3 = (float(f(j) - f(j + 1) * y * n[j] / n[j - 1]) for j in (1, 2, 3))
    for j, d in enumerate((d1, d2, d3), 1):
        if not 0 <= d <= j:
            return Discounts(FALLBACK, f"the discount of the count {j} would be {d:.3g}")
    return Discounts((d1, d2, d3))


def estimate(
    counts: Iterable[Counts], size: int, prune: Sequence[int] = (0,), threads: int = 1, room: Room = IN_MEMORY
) -> tuple[BackoffTable, list[Discounts]]:
    """Return the table, estimated order by order from the unigrams up, and the discounts of each order.

    The unigrams are interpolated with the uniform distribution over the V types.

    Parameters
    ----------
    counts, size
        As in ``Smoothing.estimate``.
    prune : sequence of int
        For each order from the unigrams up, n-grams that occur this often or less are pruned: their whole counts go
        to γ(h). The first number is 0, the numbers never fall, and the last one applies to all higher orders.
    threads : int, default 1
        The number of threads; it does not change the result.
    room : Room
        Where the arrays of the table are made; by default in memory.
    """
    lower = np.full(size + 1, 1.0 / float(np.float32(size)), np.float32)  # probabilities of the order below
    kept_below: BoolArray | None = None  # which n-grams of the order below are not pruned; None for all
    found, levels, log10_gammas = [], [], []
    for k, level in enumerate(counts):
        found.append(discounts(level.statistics))
        threshold = prune[min(k, len(prune) - 1)]
        kept = _above(level.raw, threshold, room) if threshold else None
        lower, gamma = interpolate(level, kept, found[-1], lower, threads, room)
        if k == 0:
            lower[size] = 1.0  # <s> is never predicted; lmplz writes log10 1
        log10_gammas.append(_log10(_those(kept_below, gamma, room), room))
        offsets = level.offsets if kept is None else _offsets_of_kept(level.offsets, kept, kept_below, room)
        words, adjusted = (_those(kept, array, room) for array in (level.words, level.adjusted))
        levels.append((words, compact(offsets), compact(adjusted), _log10(_those(kept, lower, room), room)))
        kept_below = kept
        del level  # free its memory before the next order is counted
    backoffs = [*log10_gammas[1:], np.zeros(0, np.float32)]  # γ of the empty context is included in the unigrams
    table = BackoffTable(tuple(Level(size + 1, *arrays, w) for arrays, w in zip(levels, backoffs, strict=True)))
    return table, found


def interpolate(
    level: Counts,
    kept: BoolArray | None,
    discount: Discounts,
    lower: Float32Array,
    threads: int = 1,
    room: Room = IN_MEMORY,
) -> tuple[Float32Array, Float32Array]:
    """Return the probabilities of one order, (n_k,), and γ of its contexts, (n_{k-1},).

    Parameters
    ----------
    level : Counts
        The counts of the order.
    kept : array of shape (n_k,) or None
        Which k-grams are not pruned; None for all.
    discount : Discounts
        The discounts of the order.
    lower : array of shape (n_{k-1},)
        The probabilities of the order below.
    threads : int, default 1
        The number of threads.
    room : Room
        Where the arrays are made; by default in memory.

    Returns
    -------
    tuple of two arrays
        The probabilities, and γ, which is 1 for a context after which nothing was seen.
    """
    probabilities = room.empty(len(level), np.float32)
    gammas = room.empty(len(level.offsets) - 1, np.float32)
    amounts = np.array([0.0, *discount.amounts], np.float32)
    some = np.zeros(0, np.bool_) if kept is None else kept
    adjusted, shorter = level.adjusted.astype(np.int32, copy=False), level.shorter.astype(np.int32, copy=False)
    of_level = (read_only(level.offsets), read_only(adjusted), read_only(shorter), read_only(some))
    arrays = (*of_level, read_only(amounts), read_only(lower), probabilities, gammas)
    share(threads, level.offsets, partial(_interpolate_part, *arrays))
    return probabilities, gammas


def _above(counts: IntArray, threshold: int, room: Room) -> BoolArray:
    """(n,) which counts are above a threshold."""
    above: BoolArray = room.empty(len(counts), np.bool_)
    np.greater(counts, threshold, out=above)
    return above


def _those(kept: BoolArray | None, values: npt.NDArray[Any], room: Room) -> npt.NDArray[Any]:
    """Return the values that are kept: the array itself, if all are kept."""
    if kept is None:
        return values
    those, made = room.empty(int(np.count_nonzero(kept)), values.dtype), 0
    for block in range(0, len(kept), BLOCK):
        part = values[block : block + BLOCK][kept[block : block + BLOCK]]
        those[made : made + len(part)] = part
        made += len(part)
    return those


def _offsets_of_kept(offsets: IntArray, kept: BoolArray, kept_below: BoolArray | None, room: Room) -> IntArray:
    """Return the offsets of the kept contexts into the kept n-grams."""
    contexts = len(offsets) - 1 if kept_below is None else int(np.count_nonzero(kept_below))
    found = room.empty(contexts + 1, np.int32)
    some = np.zeros(0, np.bool_) if kept_below is None else kept_below
    _fill_offsets(read_only(offsets), read_only(kept), read_only(some), found)
    return found


@compiled
def _fill_offsets(offsets: IntArray, kept: BoolArray, kept_below: BoolArray, found: IntArray) -> None:
    """Write the offsets of the kept contexts; all contexts are kept if ``kept_below`` is empty."""
    made = context = 0
    found[0] = 0
    for below in range(len(offsets) - 1):
        for i in range(offsets[below], offsets[below + 1]):
            made += int(kept[i])
        if len(kept_below) == 0 or kept_below[below]:
            context += 1
            found[context] = made


@compiled
def _interpolate_part(
    offsets: IntArray,
    adjusted: IntArray,
    shorter: IntArray,
    kept: BoolArray,
    amounts: Float32Array,
    lower: Float32Array,
    probabilities: Float32Array,
    gammas: Float32Array,
    first: int,
    last: int,
) -> None:
    """Write the probabilities of one order and γ after the contexts ``first`` to ``last`` - 1."""
    pruning = len(kept) > 0
    for context in range(first, last):
        begin, end = offsets[context], offsets[context + 1]
        total = pruned = n1 = n2 = n3 = 0
        for i in range(begin, end):
            count = int(adjusted[i])
            total += count
            if pruning and not kept[i]:
                pruned += count
            else:
                n1 += int(count == 1)
                n2 += int(count == 2)
                n3 += int(count >= 3)
        if total == 0:
            gammas[context] = 1
        else:
            gamma = amounts[1] * np.float32(n1) + amounts[2] * np.float32(n2)
            gamma += amounts[3] * np.float32(n3)
            gamma += np.float32(pruned)
            gammas[context] = gamma / np.float32(total)
        for i in range(begin, end):
            if i + AHEAD < offsets[last]:
                prefetch(lower, shorter[i + AHEAD])
            own = (np.float32(adjusted[i]) - amounts[min(adjusted[i], 3)]) / np.float32(total)
            probabilities[i] = own + gammas[context] * lower[shorter[i]]


def _log10(values: Float32Array, room: Room) -> Float32Array:
    """Return log10, at most 0, computed in float64 and rounded to float32."""
    logs: Float32Array = room.empty(len(values), np.float32)
    with np.errstate(divide="ignore"):  # a discount may be exactly 0
        for block in range(0, len(values), BLOCK):
            part = slice(block, block + BLOCK)
            logs[part] = np.minimum(np.log10(values[part], dtype=np.float64), 0)
    return logs
