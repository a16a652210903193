"""The smoothing methods of the n-gram model: each estimates a back-off table and explains one of its predictions.

All but Kneser-Ney estimate every order from the frequencies of its n-grams.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lmcompare.counts.ngrams import Counts, nodes_of
from lmcompare.counts.table import NOTHING, BackoffTable
from lmcompare.exhibits import latex_lines
from lmcompare.model import Idea
from lmcompare.models.ngram import kneser_ney_fast
from lmcompare.models.ngram import smoothing as raw
from lmcompare.models.ngram.kneser_ney import Discounts
from lmcompare.models.ngram.smoothing import Array, Case, Lines, Order, Smoothing
from lmcompare.tokens import IntArray

FIXED = 0.5  # the discount of ``Absolute`` and ``Katz`` if the counts give none
CUTOFF = 5  # the greatest count that ``Katz`` discounts
STEPS = 500
GAIN = 1e-6  # nats per token of the validation text: expectation maximisation stops after a step that gains less
PRIOR = 0.5  # tokens added on either side of each weight


class KneserNey(Smoothing):
    """Interpolated modified Kneser-Ney smoothing; the constants are the ``discounts``.

    Parameters
    ----------
    prune : sequence of int, default (0,)
        For each order from the unigrams up, n-grams that occur this often or less are left out.
    """

    name = "kneser-ney"
    title = "Kneser-Ney"
    idea = Idea(1999, "Chen and Goodman", "An empirical study of smoothing techniques for language modeling")
    uses = frozenset({"prune"})
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

    def __init__(self, prune: Sequence[int] = (0,)) -> None:
        self.prune = list(prune)
        if any(self.prune):
            self.saying += " The counts of pruned n-grams go to γ(h) too; otherwise they count as not seen."
            self.caution = " Pruned n-grams count as not seen."

    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        table, found = kneser_ney_fast.estimate(counts, size, self.prune, self.threads, self.room)
        self.constants = [[list(d.amounts), d.reason] for d in found]
        notes = []
        for k, discount in enumerate(found, 1):
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
        discount, total = self.discounts[case.order - 1], case.total
        taken, saved = (float(discount.of_counts[np.clip(c, 0, 3)].sum()) for c in (case.count, case.counts))
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


class Absolute(Smoothing):
    """Interpolated absolute discounting (Ney, Essen and Kneser 1994; Chen and Goodman 1999, section 2.6).

    ``p(w | h) = max(c(h w) - D, 0) / c(h) + D T(h) / c(h) p(w | h')``, with one discount D for each order and T(h)
    the number of different words seen after h. The constants are the discount of each order.
    """

    name = "absolute"
    title = "absolute discounting"
    idea = Idea(
        1994, "Ney, Essen and Kneser", "On structuring probabilistic dependences in stochastic language modelling"
    )
    equation = (
        r"P(w \mid h) = \frac{\max(c(h\,w) - D, 0)}{\sum_v c(h\,v)} + \frac{D\,T(h)}{\sum_v c(h\,v)}\,P(w \mid h')"
    )
    saying = (
        "Use the count of the word after this context, with the same discount D taken off every count. The discounts"
        " of the T different words go to the prediction of the shorter context, which lacks the first word."
    )

    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        counts = list(counts)
        discounts, notes, parts = [], [], []
        for k, (level, order) in enumerate(zip(counts, raw.orders(counts), strict=True), 1):
            d, reason = discount(level)
            if reason:
                notes.append(f"The {k}-grams take the discount {FIXED} ({reason}).")
            discounts.append(d)
            own = raw.divided((order.counts - d).clip(min=0), order.totals[order.contexts], 0.0)
            parts.append((own, raw.divided((d * order.types).astype(np.float64), order.totals, 1.0)))
        self.constants, self.notes = discounts, tuple(notes)
        return raw.interpolated(counts, size, parts)

    def lines(self, case: Case) -> Lines:
        d, total = self.constants[case.order - 1], case.total
        own, gamma = max(case.count - d, 0) / total, d * case.types / total
        return [
            case.count_line(),
            (f"D: the discount of the {case.order}-grams", d),
            case.total_line(),
            case.types_line(),
            ("max(c − D, 0) / Σ c", own),
            ("D · T / Σ c", gamma),
            case.lower_line(),
            (case.of_word(), own + gamma * case.lower),
        ]


def discount(level: Counts) -> tuple[float, str]:
    """Return the discount of one order, and the reason if it is the fixed one (else an empty string).

    ``D = n1 / (n1 + 2 n2)``, where n1 and n2 are the numbers of k-grams that occur once and twice. If either is 0,
    the discount is ``FIXED``.
    """
    _, n1, n2 = raw.counts_of_counts(level, 2).tolist()
    for count, n in ((1, n1), (2, n2)):
        if not n:
            return FIXED, f"no n-gram has the count {count}"
    return n1 / (n1 + 2 * n2), ""


class WittenBell(Smoothing):
    """Interpolated Witten-Bell smoothing (Witten and Bell 1991, method C; Chen and Goodman 1999, section 2.5).

    ``p(w | h) = (c(h w) + T(h) p(w | h')) / (c(h) + T(h))``, where T(h) is the number of different words seen after
    h. There are no hyper-parameters and no constants.
    """

    name = "witten-bell"
    title = "Witten-Bell"
    idea = Idea(1991, "Witten and Bell", "The zero-frequency problem")
    equation = r"P(w \mid h) = \frac{c(h\,w) + T(h)\,P(w \mid h')}{\sum_v c(h\,v) + T(h)}"
    saying = (
        "A context that was followed by many different words will probably be followed by new ones. So each of the T"
        " different words adds one count to the shorter context, which predicts the new words."
    )

    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        counts = list(counts)
        parts = []
        for order in raw.orders(counts):
            whole = order.totals + order.types
            own = raw.divided(order.counts, whole[order.contexts], 0.0)
            parts.append((own, raw.divided(order.types.astype(np.float64), whole, 1.0)))
        return raw.interpolated(counts, size, parts)

    def lines(self, case: Case) -> Lines:
        return [
            case.count_line(),
            case.total_line(),
            case.types_line(),
            case.lower_line(),
            (f"T · {case.of_shorter()}", case.types * case.lower),
            (case.of_word(), (case.count + case.types * case.lower) / (case.total + case.types)),
        ]


class JelinekMercer(Smoothing):
    """Linear interpolation with weights fitted to held-out text (Jelinek and Mercer 1980).

    ``p(w | h) = λ c(h w) / c(h) + (1 - λ) p(w | h')``, where λ depends on the order and on how often h was seen:
    contexts seen 1, 2 - 3, 4 - 7, 8 - 15 … times share a weight. The constants are the weights of each order, by
    ``bucket``.
    """

    name = "jelinek-mercer"
    title = "Jelinek-Mercer"
    idea = Idea(1980, "Jelinek and Mercer", "Interpolated estimation of Markov source parameters from sparse data")
    equation = r"P(w \mid h) = \lambda_{b(h)}\,\frac{c(h\,w)}{\sum_v c(h\,v)} + (1 - \lambda_{b(h)})\,P(w \mid h')"
    saying = (
        "Mix the relative frequency of the word after this context with the prediction of the shorter context, which"
        " lacks the first word. The weight λ depends on how often the context was seen, and is chosen to fit the"
        " validation text best."
    )

    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        counts = list(counts)
        weights = fit_weights(counts, size, valid)
        self.constants = [of_order.tolist() for of_order in weights]
        is_fitted = bool((valid != size).any())
        self.notes = () if is_fitted else ("The validation text has no tokens: the weights of all orders are 1/2.",)
        parts = []
        for order, of_order in zip(raw.orders(counts), weights, strict=True):
            own = np.where(order.totals > 0, of_order[bucket(order.totals)], 0.0)
            parts.append((own[order.contexts] * raw.relative(order), 1 - own))
        return raw.interpolated(counts, size, parts)

    def lines(self, case: Case) -> Lines:
        total = case.total
        b = int(bucket(np.array([total]))[0])
        weight, frequency = self.constants[case.order - 1][b], case.count / total
        seen = f"{2**b:,} to {2 ** (b + 1) - 1:,} times" if b else "once"
        return [
            case.count_line(),
            case.total_line(),
            ("c / Σ c", frequency),
            (f"λ: the weight for contexts of {case.order}-grams that were seen {seen}", weight),
            case.lower_line(),
            (f"(1 − λ) · {case.of_shorter()}", (1 - weight) * case.lower),
            (case.of_word(), weight * frequency + (1 - weight) * case.lower),
        ]


def bucket(totals: Array) -> IntArray:
    """Return the index of the weight of contexts seen this often: the integer part of the binary logarithm."""
    _, exponent = np.frexp(totals)
    return (exponent.astype(np.int64) - 1).clip(min=0)


@dataclass(frozen=True, eq=False)
class _Evidence:
    """One order's predictions of the N held-out tokens.

    ``frequencies``: (N,) c(h w) / c(h). ``buckets``: (N,) the index of the weight of the token's context. ``seen``:
    (N,) whether the context was seen; if not, the shorter one is used alone. ``number``: the number of weights.
    """

    frequencies: Array
    buckets: IntArray
    seen: npt.NDArray[np.bool_]
    number: int


def fit_weights(counts: Sequence[Counts], size: int, valid: IntArray) -> list[Array]:
    """Return the weights of each order that maximise the likelihood of a held-out text.

    Expectation maximisation fits the weights of all orders together, starting from 1/2 (Baum-Welch, as in Jelinek and
    Mercer 1980). A weight is the share of tokens, among those not explained by a longer context, that the order's own
    frequencies explain better than all shorter contexts together. Half a token is added on either side of each
    weight: no weight is 0 or 1, and a weight without any held-out tokens stays 1/2.

    Parameters
    ----------
    counts, size
        As in ``Smoothing.estimate``.
    valid : IntArray of shape (N + S,)
        The ids of the held-out text, with ``<s>`` before each of its S sentences.
    """
    evidence = _evidence(counts, size, valid)
    weights = [np.full(e.number, 0.5) for e in evidence]
    before = -np.inf
    for _ in range(STEPS if len(evidence[0].frequencies) else 0):
        lambdas = [np.where(e.seen, w[e.buckets], 0.0) for e, w in zip(evidence, weights, strict=True)]
        below = [np.full(len(lambdas[0]), 1 / size)]  # below[k]: p with k - 1 words of context
        for e, own in zip(evidence, lambdas, strict=True):
            below.append(own * e.frequencies + (1 - own) * below[-1])
        prior = PRIOR * sum(float(np.log(w * (1 - w)).sum()) for w in weights)
        likelihood = float(np.log(below[-1]).sum()) + prior
        reached = np.ones(len(lambdas[0]))  # the posterior that the token is not from a longer context
        for k in range(len(evidence) - 1, -1, -1):
            e, own = evidence[k], lambdas[k]
            stopped = reached * own * e.frequencies / below[k + 1]
            here = np.bincount(e.buckets, weights=stopped * e.seen, minlength=e.number)
            all_of = np.bincount(e.buckets, weights=reached * e.seen, minlength=e.number)
            weights[k] = (here + PRIOR) / (all_of + 2 * PRIOR)
            reached = reached - stopped
        if likelihood - before < GAIN * len(below[-1]):
            break
        before = likelihood
    return weights


def _evidence(counts: Sequence[Counts], size: int, valid: IntArray) -> list[_Evidence]:
    tokens = valid != size
    found, contexts = [], np.zeros(len(valid), np.int64)
    for order, nodes in zip(raw.orders(counts), nodes_of(counts, valid), strict=True):
        totals = np.append(order.totals, 0.0)[contexts[tokens]]  # NOTHING is -1, which reads the appended 0
        frequencies = raw.divided(np.append(order.counts, 0.0)[nodes[tokens]], totals, 0.0)
        number = int(bucket(order.totals).max(initial=0)) + 1
        found.append(_Evidence(frequencies, bucket(totals), totals > 0, number))
        contexts = np.append(NOTHING, nodes[:-1])[: len(valid)]
    return found


class Katz(Smoothing):
    """Back-off with Good-Turing discounts (Katz 1987; Chen and Goodman 1999, section 2.4).

    ``p(w | h) = d_c c(h w) / c(h)`` if w was seen after h, else ``α(h) p(w | h')``. d_r is the share of a count r
    that is kept, for r up to the cutoff (``ratios``), and 1 above it. α(h) makes the sum one: it is the probability
    that the seen words leave, over the probability that h' gives to the unseen words. Unigrams back off to the
    uniform distribution. The constants are the shares that each order keeps of the counts 0, 1 … r.

    A context without any discounted count is counted once more, and that count goes to the shorter context. A context
    after which all V words were seen leaves nothing, and no count after it is discounted.
    """

    name = "katz"
    title = "Katz back-off"
    idea = Idea(
        1987,
        "Katz",
        "Estimation of probabilities from sparse data for the language model component of a speech recognizer",
    )
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

    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
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
            kept, reason = order_ratios(level)
            if reason and len(kept) > 1:
                notes.append(f"For the {k}-grams, only counts up to {len(kept) - 1} are discounted ({reason}).")
            elif reason:
                notes.append(f"The {k}-grams take the discount {FIXED} off every count ({reason}).")
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


def order_ratios(level: Counts) -> tuple[Array, str]:
    """Return the share of the counts 0 … r that one order keeps, and the reason if r is below the cutoff (else "").

    r is the greatest number up to the cutoff for which ``ratios`` are usable. If there is none, the array has one
    element: then the fixed discount ``FIXED`` is taken off every count.
    """
    limit = min(CUTOFF, len(level) + 1)  # n-grams have no more different counts than there are n-grams
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
        The share that is kept of the counts 0 … r; of shape (1,) if ``FIXED`` is taken off every count.
    size : int
        V, the number of types.

    Returns
    -------
    tuple of Array of shape (n_k,), Array of shape (n_{k-1},) and Array of shape (n_{k-1},)
        The share of each count that is kept, the total that the counts after a context share, and the probability
        that each context leaves to unseen words.
    """
    if len(kept) == 1:
        ratio = raw.divided(order.counts - FIXED, order.counts, 0.0)
    else:
        ratio = np.append(kept, 1.0)[order.counts.astype(np.int64).clip(max=len(kept))]
    is_full = order.types == size  # all words were seen after the context
    ratio = np.where(is_full[order.contexts], 1.0, ratio)
    cut = np.bincount(order.contexts, weights=(1 - ratio) * order.counts, minlength=len(order.totals))
    is_lossless = (cut <= 0) & (order.types > 0) & ~is_full
    totals = order.totals + is_lossless
    return ratio, totals, raw.divided(cut + is_lossless, totals, 1.0)


class AddK(Smoothing):
    """Additive smoothing, Lidstone's law (Lidstone 1920; Chen and Goodman 1999, section 2.1).

    ``p(w | h) = (c(h w) + k) / (c(h) + k V)``, where h is always the last n - 1 words, or fewer from ``<s>`` on at
    the beginning of a sentence: a shorter context is never used.

    Parameters
    ----------
    k : float
        The number that is added to each count; greater than 0.
    """

    name = "add-k"
    title = "add-k"
    idea = Idea(1920, "Lidstone", "Note on the general case of the Bayes-Laplace formula")
    uses = frozenset({"k"})
    unknown_note = "<unk> does not occur in the training text: after every context its count is 0."
    whole_context = True
    equation = r"P(w \mid h) = \frac{c(h\,w) + k}{\sum_v c(h\,v) + k\,V}"
    saying = (
        "Add k to the count of every word after this context. After a context that does not occur in the training"
        " text all words are equally likely."
    )

    def __init__(self, k: float) -> None:
        self.k = k

    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        """Estimate the table; ``valid`` is not read.

        A *whole context* has n - 1 words or begins with ``<s>``. The n-grams after whole contexts have their
        probability; all shorter n-grams have 1 / V, and back off with weight 1. The back-off weight of a whole
        context, k V / (c(h) + k V), turns 1 / V into k / (c(h) + k V).
        """
        counts = list(counts)
        probabilities, backoffs = [], []
        initial = np.ones(1, bool)  # whether each context begins with <s>
        for n, order in enumerate(raw.orders(counts), 1):
            is_whole = np.ones(len(order.totals), bool) if n == len(counts) else initial & (n > 1)
            total = order.totals + self.k * size
            own = (order.counts + self.k) / total[order.contexts]
            probabilities.append(np.where(is_whole[order.contexts], own, 1 / size))
            backoffs.append(np.where(is_whole & (order.totals > 0), self.k * size / total, 1.0))
            initial = np.arange(size + 1) == size if n == 1 else initial[order.contexts]
        return raw.table(counts, size, probabilities, backoffs[1:])

    def lines(self, case: Case) -> Lines:
        return [
            case.count_line(),
            ("k: the number added to each count", self.k),
            case.total_line(),
            ("V: the number of types in the vocabulary", float(case.size)),
            (case.of_word(), (case.count + self.k) / (case.total + self.k * case.size)),
        ]
