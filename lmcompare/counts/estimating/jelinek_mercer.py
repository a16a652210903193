"""Jelinek-Mercer smoothing: linear interpolation with weights fitted on held-out text (Jelinek and Mercer 1980)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.counts.counting.ngrams import Counts, nodes_of
from lmcompare.counts.estimating import raw
from lmcompare.counts.estimating.method import Case, Equation, Lines, Smoothing
from lmcompare.counts.estimating.raw import Array, Order
from lmcompare.counts.lookup.table import NOTHING, BackoffTable
from lmcompare.models.common import mathml as m
from lmcompare.models.ngram.formulas import COUNT, LOWER, PROBABILITY, TOTAL, H
from lmcompare.tokens import IntArray

STEPS = 500
GAIN = 1e-6  # nats a token of valid: a step of EM that brings less is the last
PRIOR = 0.5  # of a token on either side of each weight

_LAMBDA = m.row(m.sub(m.name("λ"), m.row(m.name("b"), m.op("("), H, m.op(")"))))


class JelinekMercer(Smoothing):
    """``p(w | h) = λ c(h w) / c(h) + (1 - λ) p(w | h')``, λ depending on the order and on how often h was seen.

    Contexts that were seen 1, 2 - 3, 4 - 7, 8 - 15 … times share a weight. Expectation maximisation fits all weights
    of all orders at once to the likelihood of the valid split (Baum-Welch, as in Jelinek and Mercer 1980), with half
    a token counted for either side of each weight, so that none is 0 or 1 and one that valid says nothing of is 1/2.
    """

    name = "jelinek-mercer"
    title = "Jelinek-Mercer"
    equation = Equation(
        m.lines(
            m.row(
                PROBABILITY,
                m.op("="),
                _LAMBDA,
                m.fraction(COUNT, TOTAL),
                m.op("+"),
                m.op("("),
                "<mn>1</mn>",
                m.op("−"),
                _LAMBDA,
                m.op(")"),
                LOWER,
            )
        ),
        "P(w | h) = λ_b(h) · c(h w) / Σ_v c(h v) + (1 − λ_b(h)) · P(w | h′)",
        "Mix what followed these very words in training with what the context without its first word says. The more"
        " often a context was seen, the more it is trusted; how much, λ, is what fits the valid text best.",
    )

    def __init__(self) -> None:
        self.weights: list[Array] = []

    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        """Fit the weights to valid and interpolate from the unigrams up."""
        counts = list(counts)
        orders = raw.orders(counts)
        self.weights = fitted_weights(counts, orders, size, valid)
        self.notes = () if (valid != size).any() else ("Valid holds no tokens: the weights of all orders are 1/2.",)
        parts = []
        for order, weights in zip(orders, self.weights, strict=True):
            own = np.where(order.totals > 0, weights[bucket(order.totals)], 0.0)
            parts.append((own[order.contexts] * raw.relative(order), 1 - own))
        return raw.interpolated(counts, size, parts)

    def constants(self) -> list[Any]:
        """Return the weights of each order, by how often the context was seen."""
        return [w.tolist() for w in self.weights]

    def restore(self, constants: Sequence[Any]) -> None:
        """Take the weights of each order."""
        self.weights = [np.array(w, np.float64) for w in constants]

    def lines(self, case: Case) -> Lines:
        """Work the equation out."""
        total = case.total
        b = int(bucket(np.array([total]))[0])
        weight, share = float(self.weights[case.order - 1][b]), case.count / total
        seen = f"{2**b:,} to {2 ** (b + 1) - 1:,} times" if b else "once"
        return [
            case.counted(),
            case.summed(),
            ("c / Σ c", share),
            (f"λ: the weight of contexts of the {case.order}-grams that were seen {seen}", weight),
            case.below(),
            (f"(1 − λ) · {case.of_shorter()}", (1 - weight) * case.lower),
            (case.of_word(), weight * share + (1 - weight) * case.lower),
        ]


def bucket(totals: Array) -> IntArray:
    """Return to which weight contexts belong: the whole part of the binary logarithm of how often they were seen."""
    _, exponent = np.frexp(totals)
    return (exponent.astype(np.int64) - 1).clip(min=0)


@dataclass(frozen=True, eq=False)
class _Evidence:
    """What one order says of the N tokens of valid.

    ``frequencies``: (N,) c(h w) / c(h); ``buckets``: (N,) the weight of its context; ``seen``: (N,) whether anything
    was seen after the context: else the shorter one has all the say. ``number``: of the weights.
    """

    frequencies: Array
    buckets: IntArray
    seen: npt.NDArray[np.bool_]
    number: int


def fitted_weights(counts: Sequence[Counts], orders: Sequence[Order], size: int, valid: IntArray) -> list[Array]:
    """Return the weights of each order by expectation maximisation on valid, from 1/2 on.

    A weight is the share of the tokens, among those that come down to its order, that are better explained by the
    order's own frequencies than by all the shorter contexts together.
    """
    evidence = _evidence(counts, orders, size, valid)
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


def _evidence(counts: Sequence[Counts], orders: Sequence[Order], size: int, valid: IntArray) -> list[_Evidence]:
    tokens = valid != size
    nodes = nodes_of(counts, valid)
    contexts = [np.zeros(len(valid), np.int64), *(np.append(NOTHING, n[:-1])[: len(valid)] for n in nodes[:-1])]
    found = []
    for order, node, context in zip(orders, nodes, contexts, strict=True):
        node, context = node[tokens], context[tokens]
        totals = np.where(context == NOTHING, 0.0, _at(order.totals, context))
        seen = totals > 0
        frequencies = np.where(node == NOTHING, 0.0, raw.divided(_at(order.counts, node), totals, 0.0))
        number = int(bucket(order.totals).max(initial=0)) + 1
        found.append(_Evidence(frequencies, np.where(seen, bucket(totals), 0), seen, number))
    return found


def _at(values: Array, nodes: IntArray) -> Array:
    """Return the values of these nodes; that of ``NOTHING`` means nothing."""
    return values[nodes] if len(values) else np.zeros(len(nodes))
