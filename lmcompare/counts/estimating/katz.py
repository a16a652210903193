"""Katz's back-off with Good-Turing discounts (Katz 1987; Chen and Goodman 1999, section 2.4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.estimating import raw
from lmcompare.counts.estimating.method import Case, Equation, Lines, Smoothing, lacking
from lmcompare.counts.estimating.raw import Array, Order
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.errors import LmcompareError
from lmcompare.models.common import mathml as m
from lmcompare.models.ngram.formulas import COUNT, LOWER, PROBABILITY, TOTAL, H, of
from lmcompare.tokens import IntArray

CUTOFF = 5
FALLBACK = 0.5


class Katz(Smoothing):
    """``p(w | h) = d_c c(h w) / c(h)`` for what was seen after h; else ``α(h) p(w | h')``.

    ``d_r``: the share of a count of r that is kept, for r up to the cutoff (``ratios``), 1 above it. ``α(h)`` makes
    the sum one: what the seen words leave, over what h' gives to those that are not seen. Unigrams back off to the
    uniform distribution, 1 / V.

    An order that gives no usable ratios up to the cutoff takes the greatest smaller cutoff that does, and where there
    is none keeps ``(r - 0.5) / r`` of each count r; a note says so. Without ``fallback`` both are an error. A context
    of which no count is discounted is seen once more, and leaves that to the shorter one; one after which all V words
    were seen has nothing to leave, and no count after it is discounted.

    Parameters: ``cutoff``, the greatest count that is discounted, Katz's k; ``fallback``.
    """

    name = "katz"
    title = "Katz back-off"
    uses = frozenset({"fallback", "cutoff"})
    unknown_note = (
        "Train holds no <unk>: its probability is its share of what the unigrams leave to the types that train lacks."
    )
    equation = Equation(
        m.lines(
            m.row(
                PROBABILITY,
                m.op("="),
                m.sub(m.name("d"), m.name("c")),
                m.fraction(COUNT, TOTAL),
                "<mspace width='1em'/>",
                COUNT,
                m.op(">"),
                "<mn>0</mn>",
            ),
            m.row(
                PROBABILITY,
                m.op("="),
                of(m.name("α"), H),
                LOWER,
                "<mspace width='1em'/>",
                COUNT,
                m.op("="),
                "<mn>0</mn>",
            ),
        ),
        "P(w | h) = d_c · c(h w) / Σ_v c(h v) if c(h w) > 0, else α(h) · P(w | h′)",
        "What was seen after these words keeps most of its frequency: a small count c is cut to the share d_c of it,"
        " which the Good-Turing estimate says it deserves. What is cut goes, spread by α, to the words that were not"
        " seen after them, as the context without its first word ranks those.",
    )

    def __init__(self, cutoff: int = CUTOFF, fallback: bool = True) -> None:
        self.cutoff, self.fallback = cutoff, fallback
        self.kept: list[Array] = []  # of each order: (r + 1,), what is kept of the counts 0, 1 … r; of the rest, all

    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        """Work the ratios out, and from the unigrams up the probabilities and weights; valid is not read."""
        counts = list(counts)
        self.kept, notes = [], []
        for k, level in enumerate(counts, 1):
            kept, reason = order_ratios(level, self.cutoff)
            if reason and not self.fallback:
                raise LmcompareError(lacking(k, f"Good-Turing ratios up to {self.cutoff}", reason))
            if reason and len(kept) > 1:
                notes.append(f"Of the {k}-grams, counts up to {len(kept) - 1} are discounted ({reason}).")
            elif reason:
                notes.append(f"The {k}-grams take the discount {FALLBACK} off every count ({reason}).")
            self.kept.append(kept)
        self.notes = tuple(notes)
        probabilities: list[Array] = []
        weights: list[Array] = []
        below, left = np.full(size + 1, 1 / size), np.ones(1)
        types_below: IntArray = np.zeros(1, np.int64)
        parents: IntArray = np.zeros(1, np.int64)  # of each context, h': the empty one has what is below the unigrams
        for order, kept in zip(raw.orders(counts), self.kept, strict=True):
            share, spare = _shares(order, kept, size)
            lower = np.bincount(
                order.contexts, weights=below[order.shorter] * (order.counts > 0), minlength=len(spare)
            )
            # What h' gives to words unseen after h: to those unseen after h' too, and to the others.
            more = order.types < types_below[parents] if len(probabilities) else order.types < 0
            others = np.where(more, (1 - left[parents] - lower).clip(min=0), 0.0)
            unseen = left[parents] + others if len(probabilities) else (size - order.types) / size
            alpha = np.where(order.types == size, 1.0, raw.divided(spare, unseen, 1.0))
            alpha[order.types == 0] = 1.0
            below = np.where(order.counts > 0, share, alpha[order.contexts] * below[order.shorter])
            probabilities.append(below)
            weights.append(alpha)
            left, types_below, parents = spare, order.types, order.shorter
        return raw.table(counts, size, probabilities, weights[1:])

    def constants(self) -> list[Any]:
        """Return what each order keeps of the counts 0, 1 …"""
        return [k.tolist() for k in self.kept]

    def restore(self, constants: Sequence[Any]) -> None:
        """Take what each order keeps."""
        self.kept = [np.array(k, np.float64) for k in constants]

    def lines(self, case: Case) -> Lines:
        """Work the equation out: the upper line for what was seen, the lower one for a word that train lacks."""
        if not case.count:
            alpha = case.probability / case.lower
            return [
                case.counted(),
                (f"α: the weight of the shorter context{case.after}", alpha),
                case.below(),
                (case.of_word(), alpha * case.lower),
            ]
        order = Order(
            np.zeros(len(case.counts), np.int64),
            np.zeros(0, np.int64),
            case.counts.astype(np.float64),
            np.array([case.total]),
            np.array([(case.counts > 0).sum()]),
        )
        kept = self.kept[case.order - 1]
        ratio = float(_kept(kept, np.array([float(case.count)]))[0])
        _, spare = _shares(order, kept, case.size)
        total = case.total + (1.0 if _lossless(order, kept, case.size)[0] else 0.0)
        if order.types[0] == case.size:
            ratio = 1.0
        lines = [
            case.counted(),
            (f"Σ c: the counts of all words{case.after}" + (", and one more" if total > case.total else ""), total),
            (f"d: what the {case.order}-grams keep of this count", ratio),
            ("what the seen words leave to the others", float(spare[0])),
        ]
        return [*lines, (case.of_word(), ratio * case.count / total)]


def order_ratios(level: Counts, cutoff: int) -> tuple[Array, str]:
    """Return what one order keeps of the counts 0 … r for r up to the cutoff, and why r is smaller or "".

    An array of one number, with a reason, says that there are no ratios: the fixed discount is taken.
    """
    n = raw.statistics(level, cutoff + 1)
    reason = ""
    for most in range(cutoff, 0, -1):
        found, problem = ratios(n, most)
        if not problem:
            return np.append(0.0, found), reason
        reason = reason or problem
    return np.zeros(1), reason


def ratios(n: IntArray, most: int) -> tuple[Array, str]:
    """Return d_1 … d_most, and why they can't be used or "".

    ``d_r = (r* / r - A) / (1 - A)`` with ``r* = (r + 1) n_{r+1} / n_r`` and ``A = (most + 1) n_{most+1} / n_1``
    (Katz 1987, equation 15): proportional to Good and Turing's r* / r, and what they take is what Good and Turing
    give to the unseen. ``n``: n_0, n_1 …, of which n_1 … n_{most+1} are read. They are usable if each count up to
    ``most`` occurs and each ratio lies between 0, excluded, and 1.
    """
    for r in range(1, most + 1):
        if not n[r]:
            return np.zeros(0), f"none stands in train {_times(r)}"
    counts = np.arange(1, most + 1)
    good_turing = (counts + 1) * n[2 : most + 2] / n[1 : most + 1] / counts  # r* / r
    above = (most + 1) * n[most + 1] / n[1]
    if above >= 1:
        return np.zeros(0), f"too many stand in train {_times(most + 1)}"
    found = (good_turing - above) / (1 - above)
    for j, d in enumerate(found, 1):
        if not 0 < d <= 1:
            return np.zeros(0), f"the ratio of the count {j} would be {d:.3g}"
    return found, ""


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _kept(kept: Array, counts: Array) -> Array:
    """Return the share of each count that is kept."""
    if len(kept) == 1:
        return raw.divided(counts - FALLBACK, counts, 0.0)
    found: Array = np.append(kept, 1.0)[counts.astype(np.int64).clip(max=len(kept))]
    return found


def _lossless(order: Order, kept: Array, size: int) -> npt.NDArray[np.bool_]:
    """(n_{k-1},) whether no count after a context is discounted, though there are words that were not seen."""
    lost = (1 - _kept(kept, order.counts)) * order.counts
    cut = np.bincount(order.contexts, weights=lost, minlength=len(order.totals))
    found: npt.NDArray[np.bool_] = (cut <= 0) & (order.types > 0) & (order.types < size)
    return found


def _shares(order: Order, kept: Array, size: int) -> tuple[Array, Array]:
    """(n_k,) the probabilities of what was seen, and (n_{k-1},) what each context leaves to the unseen words."""
    ratio = _kept(kept, order.counts)
    ratio = np.where((order.types == size)[order.contexts], 1.0, ratio)
    one_more = _lossless(order, kept, size).astype(np.float64)
    totals = order.totals + one_more
    lost = np.bincount(order.contexts, weights=(1 - ratio) * order.counts, minlength=len(totals)) + one_more
    share = raw.divided(ratio * order.counts, totals[order.contexts], 0.0)
    return share, raw.divided(lost, totals, 1.0)
