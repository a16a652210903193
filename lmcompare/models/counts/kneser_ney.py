"""Interpolated modified Kneser-Ney smoothing (Chen and Goodman 1999), as KenLM's ``lmplz`` reads it.

Two steps, each over whole arrays: work the discounts out of the counts of counts, and interpolate from the unigrams
up. Both are done in float32 and in the order in which ``lmplz`` does them, so that the figures are equal to the last
bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.errors import LmcompareError
from lmcompare.models.counts.backoff import NOTHING, BackoffTable, Level
from lmcompare.models.counts.counting import Counts
from lmcompare.models.counts.method import Case, Equation, Lines, Smoothing, lacking
from lmcompare.tokens import IntArray

Float32Array = npt.NDArray[np.float32]

FALLBACK = (0.5, 1.0, 1.5)
_EQUATION = (
    '<math display="block"><mrow>'
    "<mi>P</mi><mo>(</mo><mi>w</mi><mo>|</mo><mi>h</mi><mo>)</mo>"
    "<mo>=</mo>"
    "<mfrac>"
    "<mrow><mi>c</mi><mo>(</mo><mi>h</mi><mi>w</mi><mo>)</mo><mo>&#x2212;</mo>"
    "<mi>D</mi><mo>(</mo><mi>c</mi><mo>(</mo><mi>h</mi><mi>w</mi><mo>)</mo><mo>)</mo></mrow>"
    "<mrow><munder><mo>&#x2211;</mo><mi>v</mi></munder><mi>c</mi><mo>(</mo><mi>h</mi><mi>v</mi><mo>)</mo></mrow>"
    "</mfrac>"
    "<mo>+</mo><mi>&#x3B3;</mi><mo>(</mo><mi>h</mi><mo>)</mo>"
    "<mi>P</mi><mo>(</mo><mi>w</mi><mo>|</mo><msup><mi>h</mi><mo>&#x2032;</mo></msup><mo>)</mo>"
    "</mrow></math>"
)


@dataclass(frozen=True)
class Discounts:
    """What one order takes off the counts 1, 2, and 3 or more. ``reason``: why they are the fixed ones, or ""."""

    amounts: tuple[float, float, float]
    reason: str = ""

    def of(self, counts: IntArray) -> Float32Array:
        """Return the discount of each count, 0 for the count 0."""
        discount: Float32Array = np.array([0.0, *self.amounts], np.float32)[counts.clip(max=3)]
        return discount


def discounts(statistics: IntArray) -> Discounts:
    """Return the discounts of one order, Chen and Goodman's equation 26, in float32.

    They are the fixed 0.5, 1 and 1.5, with the reason, where the equation has no answer: no n-gram with the count
    1, 2 or 3, or a discount below 0 or above the count that it is taken off.
    """
    for j in (1, 2, 3):
        if not statistics[j - 1]:
            return Discounts(FALLBACK, f"none has the count {j}")
    f, n = np.float32, [np.float32(x) for x in statistics]
    y = n[0] / f(statistics[0] + 2.0 * statistics[1])
    d1, d2, d3 = (float(f(j) - f(j + 1) * y * n[j] / n[j - 1]) for j in (1, 2, 3))
    for j, d in enumerate((d1, d2, d3), 1):
        if not 0 <= d <= j:
            return Discounts(FALLBACK, f"the discount of the count {j} would be {d:.3g}")
    return Discounts((d1, d2, d3))


def estimate(
    levels: Sequence[Counts], by_order: Sequence[Discounts], start: int, thresholds: Sequence[int] = ()
) -> BackoffTable:
    """Interpolate from the unigrams up.

    ``p(w | h) = (c(hw) - D(c(hw))) / c(h·) + γ(h) p(w | h')`` with ``γ(h) = Σ_w D(c(hw)) / c(h·)``, where h' is h
    without its first word. Unigrams are interpolated with the uniform distribution over the V words, ``<unk>``
    included, whether train holds them or not.

    ``thresholds``: per order, from 0 for the unigrams on and never falling: n-grams that stand in train so often or
    less are left out, and the whole of their counts goes into γ(h).
    """
    width = start + 1
    probabilities = np.full(width, 1.0 / float(np.float32(start)), np.float32)
    nodes = np.zeros(1, np.int64)  # of the contexts: the place of each among those that are kept, or NOTHING
    kept_before = np.ones(1, bool)
    table = []
    log10_gammas: list[Float32Array] = []
    for k, (level, discount) in enumerate(zip(levels, by_order, strict=True), 1):
        contexts = level.keys // width
        kept = _kept(level, thresholds[k - 1] if thresholds else 0, first=k == 1)
        total = np.bincount(contexts, weights=level.adjusted, minlength=len(nodes)).astype(np.float32)
        gamma = _leftover(level, kept, contexts, discount, total)
        with np.errstate(invalid="ignore"):  # contexts of which all that follows is pruned
            own = (level.adjusted.astype(np.float32) - discount.of(level.adjusted)) / total[contexts]
        probabilities = own + gamma[contexts] * probabilities[level.shorter]
        if k == 1:
            probabilities[start] = 1.0  # never predicted; lmplz writes log10 1
        with np.errstate(divide="ignore"):  # a discount may be exactly 0
            log10_gammas.append(np.log10(gamma.astype(np.float64)).astype(np.float32)[kept_before])
            log10 = np.minimum(np.log10(probabilities[kept].astype(np.float64)), 0).astype(np.float32)
        offsets = np.append(0, np.cumsum(np.bincount(nodes[contexts[kept]], minlength=kept_before.sum())))
        words = (level.keys[kept] % width).astype(np.int32)
        table.append((words, offsets, level.adjusted[kept], log10))
        nodes, kept_before = np.where(kept, np.cumsum(kept) - 1, NOTHING), kept
    backoffs = [*log10_gammas[1:], np.zeros(0, np.float32)]  # the first, of the empty context, is in the unigrams
    return BackoffTable(tuple(Level(width, *arrays, w) for arrays, w in zip(table, backoffs, strict=True)))


def _kept(level: Counts, threshold: int, first: bool) -> npt.NDArray[np.bool_]:
    return np.ones(len(level.keys), bool) if first else level.raw > threshold


def _leftover(
    level: Counts, kept: npt.NDArray[np.bool_], contexts: IntArray, discount: Discounts, total: Float32Array
) -> Float32Array:
    """(n_{k-1},) γ(h); 1 for a context that nothing was seen after: it leaves everything to the shorter one."""
    counts = np.where(kept, level.adjusted, 0)
    gamma = np.zeros(len(total), np.float32)
    for j, amount in enumerate(discount.amounts, 1):
        with_count = (counts == j) if j < 3 else (counts >= 3)
        gamma += np.float32(amount) * np.bincount(contexts[with_count], minlength=len(total)).astype(np.float32)
    if not kept.all():
        pruned = np.bincount(contexts, weights=level.adjusted - counts, minlength=len(total))
        gamma += pruned.astype(np.float32)
    return np.divide(gamma, total, out=np.ones_like(gamma), where=total > 0)


class KneserNey(Smoothing):
    """Interpolated modified Kneser-Ney. Parameters: ``fallback`` and ``prune``, those of the n-gram model."""

    name = "kneser-ney"
    uses = frozenset({"fallback", "prune"})
    equation = Equation(
        _EQUATION,
        "P(w | h) = (c(h w) − D(c(h w))) / Σ_v c(h v) + γ(h) · P(w | h′),  γ(h) = Σ_v D(c(h v)) / Σ_v c(h v)",
        "Trust what followed these very words in training, less a discount; what the discounts save, γ, goes to what"
        " the context without its first word says. Below the highest order a count is not how often the words"
        " occurred but after how many different words they did: a word that stands in many places is a better guess"
        " for a new place.",
    )

    def __init__(self, fallback: bool = True, prune: Sequence[int] = (0,)) -> None:
        self.fallback, self.prune = fallback, list(prune)
        self.discounts: tuple[Discounts, ...] = ()

    def estimate(self, counts: Sequence[Counts], size: int, valid: IntArray) -> BackoffTable:
        """Work the discounts out and interpolate from the unigrams up; valid is not read."""
        self.discounts = tuple(discounts(c.statistics) for c in counts)
        self.notes = self._what_to_know()
        thresholds = [*self.prune, *self.prune[-1:] * (len(counts) - len(self.prune))]
        return estimate(counts, self.discounts, size, thresholds)

    def constants(self) -> list[Any]:
        """Return the discounts of each order."""
        return [[list(d.amounts), d.reason] for d in self.discounts]

    def restore(self, constants: Sequence[Any]) -> None:
        """Take the discounts of each order."""
        self.discounts = tuple(Discounts((d1, d2, d3), reason) for (d1, d2, d3), reason in constants)

    def lines(self, case: Case) -> Lines:
        """Work the equation out."""
        discount, total = self.discounts[case.order - 1], case.total
        taken = float(discount.of(np.array([case.count]))[0])
        gamma = float(discount.of(case.counts).sum()) / total
        return [
            case.counted("how often" if case.highest else "after how many different words"),
            ("D: the discount of this count", taken),
            case.summed(),
            ("(c − D) / Σ c", (case.count - taken) / total),
            ("γ: the discounts of all these counts, over Σ c", gamma),
            case.below(),
            (f"γ · {case.of_shorter()}" if case.order > 1 else "γ / V", gamma * case.lower),
            (case.of_word(), (case.count - taken) / total + gamma * case.lower),
        ]

    def _what_to_know(self) -> tuple[str, ...]:
        """Return the notes of a trained model. Raises ``LmcompareError`` if discounts are lacking, unless allowed."""
        notes = []
        for k, discount in enumerate(self.discounts, 1):
            if discount.reason and not self.fallback:
                raise LmcompareError(lacking(k, "discounts", discount.reason))
            if discount.reason:
                notes.append(f"The {k}-grams take the discounts 0.5, 1 and 1.5 ({discount.reason}).")
            if 0 in discount.amounts:
                notes.append(
                    f"A discount of the {k}-grams is exactly 0: after some contexts unseen words are impossible."
                )
        if any(self.prune):
            thresholds = ", ".join(map(str, self.prune))
            notes.append(f"Pruned: of the orders 1, 2 …, n-grams seen at most {thresholds} times are left out.")
        return tuple(notes)
