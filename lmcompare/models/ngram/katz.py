"""Katz's back-off with Good-Turing discounts (Katz 1987; Chen and Goodman 1999, section 2.4).

``p(w | h) = d_c c(h w) / c(h)`` if w was seen after h, else ``α(h) p(w | h')``. d_r is the share of a count r that is
kept, for r up to the cutoff (``ratios``), and 1 above it. α(h) makes the sum one: it is the probability that the seen
words leave, over the probability that h' gives to the unseen words. Unigrams back off to the uniform distribution.

A context without any discounted count is counted once more, and that count goes to the shorter context. A context
after which all V words were seen leaves nothing, and no count after it is discounted.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lmcompare.counts.ngrams import Counts
from lmcompare.counts.table import BackoffTable
from lmcompare.model import Idea
from lmcompare.models.ngram import smoothing as raw
from lmcompare.models.ngram.smoothing import Array, Case, Lines, Order, Smoothing, no_constants
from lmcompare.tokens import IntArray

CUTOFF = 5
FALLBACK = 0.5


class Katz(Smoothing):
    """Back-off with Good-Turing discounts; the constants are the shares that each order keeps of the counts 0, 1 … r.

    Parameters
    ----------
    cutoff : int, default 5
        The greatest count that is discounted, Katz's k.
    fallback : bool, default True
        Whether an order whose counts give no Good-Turing ratios up to the cutoff takes a smaller cutoff, or subtracts
        0.5 from each count, and adds a note; otherwise it is an error.
    """

    name = "katz"
    title = "Katz back-off"
    idea = Idea(
        1987,
        "Katz",
        "Estimation of probabilities from sparse data for the language model component of a speech recognizer",
    )
    uses = frozenset({"fallback", "cutoff"})
    unknown_note = (
        "<unk> does not occur in the training text: it has an even share of the probability that the unigrams leave"
        " to unseen types."
    )
    equation = (
        r"P(w \mid h) = \begin{cases} d_c\,\frac{c(h\,w)}{\sum_v c(h\,v)} & \text{if } c(h\,w) > 0 \\"
        r" \alpha(h)\,P(w \mid h') & \text{otherwise} \end{cases}"
    )
    saying = (
        "A word that was seen after this context keeps most of its frequency: of a small count c the share d_c is"
        " kept, by the Good-Turing estimate. The probability that this frees goes to the words that were not seen"
        " after this context. The factor α gives each of them a share, in proportion to its probability after the"
        " shorter context."
    )

    def __init__(self, cutoff: int = CUTOFF, fallback: bool = True) -> None:
        self.cutoff, self.fallback = cutoff, fallback

    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        """Estimate the ratios, and the table from the unigrams up; ``valid`` is not read."""
        counts = list(counts)
        kept = self._kept(counts)
        probabilities: list[Array] = []
        weights: list[Array] = []
        below, left = np.full(size + 1, 1 / size), np.ones(1)
        types_below: IntArray = np.zeros(1, np.int64)
        parents: IntArray = np.zeros(1, np.int64)  # h' of each context h
        for order, of_order in zip(raw.orders(counts), kept, strict=True):
            ratio, totals, spare = discounted(order, of_order, size)
            share = raw.divided(ratio * order.counts, totals[order.contexts], 0.0)
            lower = np.bincount(
                order.contexts, weights=below[order.shorter] * (order.counts > 0), minlength=len(spare)
            )
            # The probability that h' gives to words unseen after h: to words unseen after h' too, and to the others.
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

    def _kept(self, counts: list[Counts]) -> list[Array]:
        """Return the shares that each order keeps, and set the constants and notes."""
        found, notes = [], []
        for k, level in enumerate(counts, 1):
            kept, reason = order_ratios(level, self.cutoff)
            if reason and not self.fallback:
                raise no_constants(k, f"Good-Turing ratios up to {self.cutoff}", reason)
            if reason and len(kept) > 1:
                notes.append(f"For the {k}-grams, only counts up to {len(kept) - 1} are discounted ({reason}).")
            elif reason:
                notes.append(f"The {k}-grams take the discount {FALLBACK} off every count ({reason}).")
            found.append(kept)
        self.constants, self.notes = [kept.tolist() for kept in found], tuple(notes)
        return found

    def lines(self, case: Case) -> Lines:
        """Return the worked equation: its upper line for a seen word, its lower line for an unseen one."""
        if not case.count:
            alpha = case.probability / case.lower
            return [
                case.count_line(),
                (f"α: the weight of the shorter context{case.after}", alpha),
                case.lower_line(),
                (case.of_word(), alpha * case.lower),
            ]
        kept = np.array(self.constants[case.order - 1])
        ratios, totals, spare = discounted(raw.one_context(case.counts), kept, case.size)
        ratio, total = float(ratios[case.counts == case.count][0]), float(totals[0])
        what, value = case.total_line()
        return [
            case.count_line(),
            (what + (", plus one" if total > value else ""), total),
            (f"d: the share of this count that the {case.order}-grams keep", ratio),
            ("the probability left to unseen words", float(spare[0])),
            (case.of_word(), ratio * case.count / total),
        ]


def order_ratios(level: Counts, cutoff: int) -> tuple[Array, str]:
    """Return the share of the counts 0 … r that one order keeps, and the reason if r is below the cutoff (else "").

    r is the greatest number up to the cutoff for which ``ratios`` are usable. If there is none, the array has one
    element: then the fixed discount ``FALLBACK`` is taken off every count.
    """
    limit = min(cutoff, len(level) + 1)  # n-grams have no more different counts than there are n-grams
    n = raw.counts_of_counts(level, limit + 1)
    missing = np.flatnonzero(n[1 : limit + 1] == 0) + 1  # no cutoff from the first of these on is usable
    reason = ""
    for most in range(int(missing[0]) if len(missing) else limit, 0, -1):
        found, problem = ratios(n, most)
        if not problem:
            return np.append(0.0, found), reason
        reason = reason or problem
    return np.zeros(1), reason


def ratios(n: IntArray, most: int) -> tuple[Array, str]:
    """Return d_1 … d_most, and the reason if they are unusable (else an empty string).

    ``d_r = (r* / r - A) / (1 - A)`` with ``r* = (r + 1) n_{r+1} / n_r`` and ``A = (most + 1) n_{most+1} / n_1``
    (Katz 1987, equation 15). The discounts are proportional to those of Good and Turing, and together free the
    probability that Good and Turing give to unseen n-grams. The ratios are usable if each count up to ``most`` occurs
    and each ratio is above 0 and at most 1.

    Parameters
    ----------
    n : IntArray
        The counts of counts n_0, n_1 …, up to at least n_{most+1}.
    most : int
        The greatest count that is discounted.
    """
    for r in range(1, most + 1):
        if not n[r]:
            return np.zeros(0), f"no n-gram has the count {r}"
    counts = np.arange(1, most + 1)
    good_turing = (counts + 1) * n[2 : most + 2] / n[1 : most + 1] / counts  # r* / r
    above = (most + 1) * n[most + 1] / n[1]
    if above >= 1:
        return np.zeros(0), f"too many n-grams have the count {most + 1}"
    found = (good_turing - above) / (1 - above)
    for j, d in enumerate(found, 1):
        if not 0 < d <= 1:
            return np.zeros(0), f"the ratio of the count {j} would be {d:.3g}"
    return found, ""


def discounted(order: Order, kept: Array, size: int) -> tuple[Array, Array, Array]:
    """Return the shares that are kept of the counts of one order, and the totals.

    Parameters
    ----------
    order : Order
        The k-grams and their contexts.
    kept : Array of shape (r + 1,)
        The share that is kept of the counts 0 … r; of shape (1,) if ``FALLBACK`` is taken off every count.
    size : int
        V, the number of types.

    Returns
    -------
    tuple of Array of shape (n_k,), Array of shape (n_{k-1},) and Array of shape (n_{k-1},)
        The share of each count that is kept, the total that the counts after a context share, and the probability
        that each context leaves to unseen words.
    """
    if len(kept) == 1:
        ratio = raw.divided(order.counts - FALLBACK, order.counts, 0.0)
    else:
        ratio = np.append(kept, 1.0)[order.counts.astype(np.int64).clip(max=len(kept))]
    is_full = order.types == size  # all words were seen after the context
    ratio = np.where(is_full[order.contexts], 1.0, ratio)
    cut = np.bincount(order.contexts, weights=(1 - ratio) * order.counts, minlength=len(order.totals))
    is_lossless = (cut <= 0) & (order.types > 0) & ~is_full
    totals = order.totals + is_lossless
    return ratio, totals, raw.divided(cut + is_lossless, totals, 1.0)
