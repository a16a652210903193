"""Jelinek-Mercer smoothing: linear interpolation with weights fitted to held-out text (Jelinek and Mercer 1980).

``p(w | h) = λ c(h w) / c(h) + (1 - λ) p(w | h')``, where λ depends on the order and on how often h was seen: contexts
seen 1, 2 - 3, 4 - 7, 8 - 15 … times share a weight.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lmcompare.counts.level import NOTHING
from lmcompare.counts.ngrams import Counts, nodes_of
from lmcompare.counts.table import BackoffTable
from lmcompare.model import Idea
from lmcompare.models.ngram.smoothing import raw_counts as raw
from lmcompare.models.ngram.smoothing.base import Case, Lines, Smoothing
from lmcompare.models.ngram.smoothing.raw_counts import Array
from lmcompare.tokens import IntArray

STEPS = 500
GAIN = 1e-6  # nats per token of the validation text: expectation maximisation stops after a step that gains less
PRIOR = 0.5  # tokens added on either side of each weight


class JelinekMercer(Smoothing):
    """Linear interpolation of all orders; the constants are the weights of each order, by ``bucket``."""

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
        """Fit the weights to ``valid``, and estimate the table."""
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
        """Return the worked equation."""
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
