"""Jelinek-Mercer smoothing: linear interpolation with weights fitted to held-out text (Jelinek and Mercer 1980).

``p(w | h) = λ c(h w) / c(h) + (1 - λ) p(w | h')``, where λ depends on the order and on how often h was seen: contexts
seen 1, 2 - 3, 4 - 7, 8 - 15 … times share a weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lmcompare.counts.counting.ngrams import Counts, nodes_of
from lmcompare.counts.estimating import raw_counts as raw
from lmcompare.counts.estimating.raw_counts import Array, Order
from lmcompare.counts.lookup.level import NOTHING
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.tokens import IntArray

STEPS = 500
GAIN = 1e-6  # nats per token of the validation text: expectation maximisation stops after a step that gains less
PRIOR = 0.5  # tokens added on either side of each weight


def estimate(counts: Sequence[Counts], size: int, weights: Sequence[Array]) -> BackoffTable:
    """Return the table for the weights of each order over ``size`` types, interpolated from the unigrams up."""
    parts = []
    for order, of_order in zip(raw.orders(counts), weights, strict=True):
        own = np.where(order.totals > 0, of_order[bucket(order.totals)], 0.0)
        parts.append((own[order.contexts] * raw.relative(order), 1 - own))
    return raw.interpolated(counts, size, parts)


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
    counts : sequence of Counts
        The counts of the orders 1 … n.
    size : int
        V, the number of types, which is also the id of ``<s>``.
    valid : IntArray of shape (N + S,)
        The ids of the held-out text, with ``<s>`` before each of its S sentences.
    """
    evidence = _evidence(counts, raw.orders(counts), size, valid)
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
    """Return the values of these nodes; the value for ``NOTHING`` is arbitrary."""
    return values[nodes] if len(values) else np.zeros(len(nodes))
