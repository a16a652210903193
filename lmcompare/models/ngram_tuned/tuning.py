"""The tuned n-gram model: interpolated Kneser-Ney with many discounts and a strength.

``p(w | h) = (c(hw) - D(hw) + (Σ_v D(hv) + θ(h)) p(w | h')) / (c(h·) + θ(h))``

This is the predictive rule of the hierarchical Pitman-Yor process with one table for each word (Teh 2006, section 4).
As in modified Kneser-Ney (Chen and Goodman 1999), the discount D depends on the count; here it also depends on how
much more often the n-gram occurs without its first word, and on the mean count of the words after its context, by
which contexts are grouped. Below the unigrams ``<unk>`` has a probability of its own, and the other types share the
rest evenly.

``Classes`` says which n-grams share a discount, and ``estimate`` makes the table for given parameters. ``tune`` finds
the parameters that maximise the likelihood of a held-out text: the counts that it needs are gathered once into flat
arrays, ``HeldOut``, so that each evaluation is only arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from lmcompare.compiled import compiled
from lmcompare.counts.ngrams import Counts
from lmcompare.counts.table import NOTHING, BackoffTable
from lmcompare.models.ngram import smoothing
from lmcompare.models.ngram.kneser_ney import Discounts
from lmcompare.tokens import FloatArray, IntArray

SPREADS = (1, 4, 20, 100)  # bounds of how many times as often an n-gram occurs without its first word
FREEDOM = 2.0  # standard deviation of the normal prior on log-odds and logarithms
GROUP_FREEDOM = 1.0  # the same for the difference between a group of contexts and its order
STRENGTH = 0.1  # initial θ
ROUNDS = 100
TINY = 1e-6  # shares stay this far from 0 and 1
Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, eq=False)
class OfOrder:
    """The classes of the k-grams of one order and the groups of their contexts.

    Parameters
    ----------
    of_gram : IntArray of shape (n_k,)
        The class of each k-gram: J levels of counts, 1 … J or more, times the number of spreads; ``NOTHING`` for the
        count 0.
    totals : FloatArray of shape (n_{k-1},)
        The sum of the counts after each context.
    edges : FloatArray
        The mean counts between the groups of contexts, ascending.
    groups : IntArray of shape (n_{k-1},)
        The group of each context, from 0 up.
    """

    of_gram: IntArray
    totals: FloatArray
    edges: FloatArray
    groups: IntArray


@dataclass(frozen=True, eq=False)
class Classes:
    """The classes of all orders; ``levels`` is J, the number of counts with discounts of their own."""

    orders: tuple[OfOrder, ...]
    levels: int

    @property
    def n_classes(self) -> int:
        """The number of classes: J times the number of spreads."""
        return self.levels * (len(SPREADS) + 1)

    @property
    def n_groups(self) -> list[int]:
        """The number of groups of contexts of each order."""
        return [len(o.edges) + 1 for o in self.orders]

    @property
    def first_rows(self) -> IntArray:
        """(n,) the row of the parameters for the first group of each order."""
        return np.cumsum([0, *self.n_groups[:-1]])

    @classmethod
    def of(cls, counts: Sequence[Counts], nodes: Sequence[IntArray], levels: int, groups: int) -> Classes:
        """Return the classes of the counted n-grams.

        Parameters
        ----------
        counts : sequence of Counts
            The counts of the orders 1 … n.
        nodes : sequence of IntArray
            The nodes of a held-out text, which ``ngrams.nodes_of`` returns: each group has about equally many of its
            contexts.
        levels : int
            J, the number of counts with discounts of their own.
        groups : int
            The number of groups of contexts for each order.
        """
        orders = []
        for k, level in enumerate(counts):
            context, size = level.contexts, len(level.offsets) - 1
            totals = np.bincount(context, weights=level.adjusted, minlength=size).astype(np.float64)
            means = totals / np.maximum(np.bincount(context[level.adjusted > 0], minlength=size), 1)
            shown = nodes[k - 1][:-1] if k else np.zeros(0, np.int64)
            edges = _quantiles(means[shown[shown != NOTHING]], groups)
            spread = np.zeros(len(level), np.int64)
            if k:
                times = counts[k - 1].raw[level.shorter] / np.maximum(level.raw, 1)
                spread = np.searchsorted(np.array(SPREADS), times, side="left")
            of_gram = (level.adjusted.clip(max=levels) - 1) * (len(SPREADS) + 1) + spread
            of_gram[level.adjusted == 0] = NOTHING
            orders.append(OfOrder(of_gram, totals, edges, np.searchsorted(edges, means, side="left")))
        return cls(tuple(orders), levels)


def _quantiles(means: FloatArray, groups: int) -> FloatArray:
    """Return up to ``groups`` - 1 values that divide the mean counts above 0 into groups of about equal size."""
    means = np.sort(means[means > 0])
    if groups < 2 or not len(means):
        return np.zeros(0)
    cuts = np.unique(means[np.arange(1, groups) * len(means) // groups])
    inner: FloatArray = cuts[cuts < means[-1]]
    return inner


def with_repeats(counts: Sequence[Counts], repeats: int) -> list[Counts]:
    """Return counts in which each word before an n-gram counts as often as it occurs there, up to ``repeats`` times.

    With ``repeats`` = 1 they are the continuation counts of Kneser and Ney. Only the ``adjusted`` counts below the
    highest order change, and only of n-grams that do not begin with ``<s>``.
    """
    lower = []
    for level, longer in pairwise(counts):
        before = np.bincount(longer.shorter, weights=longer.raw.clip(max=repeats), minlength=len(level))
        adjusted = np.where(before > 0, before.astype(np.int64), level.adjusted)
        lower.append(replace(level, adjusted=adjusted))
    return [*lower, counts[-1]]


@dataclass(frozen=True, eq=False)
class Parameters:
    """All tuned parameters, or the derivatives with respect to them.

    Parameters
    ----------
    discounts : FloatArray of shape (R, K)
        The discount of each of K classes of n-grams, between 0 and the count. There is a row for each order and group
        of contexts, from the unigrams up.
    strengths : FloatArray of shape (R,)
        θ of each order and group of contexts, 0 or more.
    unknown : float
        The probability of ``<unk>`` below the unigrams.
    """

    discounts: FloatArray
    strengths: FloatArray
    unknown: float

    def below(self, size: int, unknown: int | None) -> FloatArray:
        """(V,) the distribution below the unigrams; ``unknown`` is the id of ``<unk>``, if there is one."""
        if unknown is None:
            return np.full(size, 1 / size)
        shares = np.full(size, (1 - self.unknown) / max(1, size - 1))
        shares[unknown] = self.unknown
        return shares


def estimate(
    counts: Sequence[Counts], classes: Classes, parameters: Parameters, size: int, unknown: int | None
) -> BackoffTable:
    """Return the table over ``size`` types, interpolated from the unigrams up in float64.

    After a context without any counted word, the prediction is that of the shorter context.
    """
    lower = np.append(parameters.below(size, unknown), 0.0)
    probabilities, gammas = [], []
    amounts = discounts_of(parameters, counts, classes)
    for k, (level, of_order, amount) in enumerate(zip(counts, classes.orders, amounts, strict=True)):
        contexts = level.contexts
        strengths = parameters.strengths[classes.first_rows[k] + of_order.groups]
        total, n_contexts = of_order.totals + strengths, len(strengths)
        saved = np.bincount(contexts, weights=amount, minlength=n_contexts) + strengths
        gamma = np.divide(saved, total, out=np.ones(n_contexts), where=of_order.totals > 0)
        own = np.divide(
            level.adjusted - amount, total[contexts], out=np.zeros(len(contexts)), where=level.adjusted > 0
        )
        lower = own + gamma[contexts] * (lower[level.shorter] if k else lower)
        probabilities.append(lower)
        gammas.append(gamma)
    # γ of the empty context is included in the unigrams
    return smoothing.table([replace(level, raw=level.adjusted) for level in counts], size, probabilities, gammas[1:])


def discounts_of(parameters: Parameters, counts: Sequence[Counts], classes: Classes) -> list[FloatArray]:
    """Return for each order the discounts of its k-grams, (n_k,), 0 for the count 0."""
    amounts = []
    for level, of_order, first in zip(counts, classes.orders, classes.first_rows, strict=True):
        rows = first + of_order.groups[level.contexts]
        amount = parameters.discounts[rows, of_order.of_gram.clip(min=0)]
        amounts.append(np.where(of_order.of_gram == NOTHING, 0.0, amount))
    return amounts


@dataclass(frozen=True)
class Tuned:
    """A summary of the tuned parameters, small enough to be stored and shown.

    Parameters
    ----------
    edges : tuple of tuple of float
        For each order, the mean counts between the groups of contexts, ascending.
    strengths : tuple of tuple of float
        For each order, θ of each group.
    discounts : tuple of tuple of (float or None)
        For each order, the mean discount of the counts 1 … J over the n-grams of the training text; None if no n-gram
        has the count. The last one is for J or more.
    unknown : float
        The probability of ``<unk>`` below the unigrams.
    weight : float
        The back-off weight of the unigrams.
    """

    edges: Rows
    strengths: Rows
    discounts: tuple[tuple[float | None, ...], ...]
    unknown: float
    weight: float

    @classmethod
    def of(cls, parameters: Parameters, counts: Sequence[Counts], classes: Classes) -> Tuned:
        """Return the summary of these parameters."""
        amounts = discounts_of(parameters, counts, classes)
        ends = np.cumsum(classes.n_groups)
        strengths = [parameters.strengths[a:b] for a, b in zip(classes.first_rows, ends, strict=True)]
        means = []
        for level, amount in zip(counts, amounts, strict=True):
            row = level.adjusted.clip(max=classes.levels)
            sums = np.bincount(row, weights=amount, minlength=classes.levels + 1)[1:]
            numbers = np.bincount(row, minlength=classes.levels + 1)[1:]
            means.append(tuple(float(s / n) if n else None for s, n in zip(sums, numbers, strict=True)))
        theta = strengths[0][0]
        return cls(
            edges=tuple(tuple(map(float, o.edges)) for o in classes.orders),
            strengths=tuple(tuple(map(float, s)) for s in strengths),
            discounts=tuple(means),
            unknown=parameters.unknown,
            weight=float((amounts[0].sum() + theta) / (classes.orders[0].totals[0] + theta)),
        )

    def strength(self, k: int, mean: float) -> float:
        """Return θ of a context of k - 1 words whose words have this mean count."""
        return self.strengths[k - 1][int(np.searchsorted(self.edges[k - 1], mean, side="left"))]


class HeldOut(NamedTuple):
    """The N tokens of a held-out text at each of the n orders, and the C contexts of all orders that it contains.

    Parameters
    ----------
    words : IntArray of shape (N,)
        The ids of the tokens.
    contexts : IntArray of shape (n, N)
        For each order k, the number of the token's context of k - 1 words, 0 … C - 1; ``NOTHING`` if it was not seen.
    counts, classes : IntArray of shape (n, N)
        For each order, the count and the class of the k-gram that ends at the token; the class is ``NOTHING`` if the
        k-gram was not seen.
    totals : FloatArray of shape (C,)
        The sum of the counts after each context.
    rows : IntArray of shape (C,)
        The row of the parameters that the context uses.
    starts : IntArray of shape (C + 1,)
        The entries of context c in ``cells`` and ``numbers`` are ``starts[c]:starts[c + 1]``.
    cells, numbers : arrays of shape (X,)
        After its context, ``numbers[i]`` words of the class ``cells[i]`` were seen.
    """

    words: IntArray
    contexts: IntArray
    counts: IntArray
    classes: IntArray
    totals: FloatArray
    rows: IntArray
    starts: IntArray
    cells: IntArray
    numbers: FloatArray

    @classmethod
    def gather(cls, nodes: Sequence[IntArray], counts: Sequence[Counts], classes: Classes) -> HeldOut:
        """Gather the counts that the likelihood of a text needs, with its ``nodes`` from ``ngrams.nodes_of``."""
        tokens = nodes[0] != counts[0].width - 1
        contexts, by_count, by_class, totals, rows, sizes, cells, numbers = ([] for _ in range(8))
        first = 0
        for k, level in enumerate(counts):
            of_order, size = classes.orders[k], classes.n_classes
            before = np.append(NOTHING, nodes[k - 1][:-1])[tokens] if k else np.zeros(tokens.sum(), np.int64)
            seen = np.append(of_order.totals, 0)[before] > 0  # NOTHING is -1, so it reads the appended 0
            used, local = np.unique(before[seen], return_inverse=True)
            context = np.full(len(tokens[tokens]), NOTHING, np.int64)
            context[seen] = first + local.reshape(-1)
            rank = np.full(len(of_order.totals), NOTHING, np.int64)
            rank[used] = np.arange(len(used))
            of_gram = rank[level.contexts]
            wanted = (of_gram != NOTHING) & (of_order.of_gram != NOTHING)
            keys, number = np.unique(of_gram[wanted] * size + of_order.of_gram[wanted], return_counts=True)
            contexts.append(context)
            by_count.append(np.append(level.adjusted, 0)[nodes[k][tokens]])
            by_class.append(np.append(of_order.of_gram, NOTHING)[nodes[k][tokens]])
            totals.append(of_order.totals[used])
            rows.append(classes.first_rows[k] + of_order.groups[used])
            sizes.append(np.bincount(keys // size, minlength=len(used)))
            cells.append(keys % size)
            numbers.append(number.astype(np.float64))
            first += len(used)
        return cls(
            nodes[0][tokens],
            np.array(contexts),
            np.array(by_count),
            np.array(by_class),
            np.concatenate(totals),
            np.concatenate(rows),
            np.append(0, np.cumsum(np.concatenate(sizes))),
            np.concatenate(cells),
            np.concatenate(numbers),
        )


def likelihood(text: HeldOut, parameters: Parameters, size: int, unknown: int | None) -> tuple[float, Parameters]:
    """Return the mean log-likelihood of a held-out text in nats per token, and its derivatives.

    The derivatives are those with respect to each parameter. ``size`` is V, the number of types, and ``unknown`` the
    id of ``<unk>``, if there is one.
    """
    below, n = parameters.below(size, unknown), len(text.words)
    discounts, strengths = np.zeros_like(parameters.discounts), np.zeros_like(parameters.strengths)
    by_below = np.zeros(size)
    known = (parameters.discounts, parameters.strengths, below)
    total = _log_likelihood(text, *known, discounts, strengths, by_below)
    slope = 0.0
    if unknown is not None:
        slope = float(by_below[unknown] - (by_below.sum() - by_below[unknown]) / max(1, size - 1))
    return total / n, Parameters(discounts / n, strengths / n, slope / n)


@compiled
def _log_likelihood(
    text: HeldOut,
    discounts: FloatArray,
    strengths: FloatArray,
    below: FloatArray,
    by_discounts: FloatArray,
    by_strengths: FloatArray,
    by_below: FloatArray,
) -> float:
    """Return the log-likelihood of all tokens in nats, and add its derivatives to the last three arrays.

    ``discounts``, ``strengths`` and ``below`` are those of ``estimator.Parameters``.
    """
    words, contexts, counts, classes, totals, rows, starts, cells, numbers = text
    n = len(contexts)
    saved, by_saved = strengths[rows], np.zeros(len(rows))
    for context in range(len(rows)):
        for i in range(starts[context], starts[context + 1]):
            saved[context] += numbers[i] * discounts[rows[context], cells[i]]
    p = np.empty(n + 1)  # [k]: the probability at order k
    total = 0.0
    for i in range(len(words)):
        p[0] = below[words[i]]
        for k in range(n):
            context = contexts[k, i]
            p[k + 1] = p[k]
            if context >= 0:
                kind = classes[k, i]
                own = counts[k, i] - discounts[rows[context], kind] if kind >= 0 else 0.0
                p[k + 1] = (own + saved[context] * p[k]) / (totals[context] + strengths[rows[context]])
        total += np.log(p[n])
        by_p = 1 / p[n]  # the derivative with respect to p[k + 1]; after the loop body, to p[k]
        for k in range(n - 1, -1, -1):
            context = contexts[k, i]
            if context >= 0:
                row, kind = rows[context], classes[k, i]
                by_own = by_p / (totals[context] + strengths[row])
                if kind >= 0:
                    by_discounts[row, kind] -= by_own
                by_saved[context] += by_own * p[k]
                by_strengths[row] -= by_own * p[k + 1]
                by_p = by_own * saved[context]
        by_below[words[i]] += by_p
    for context in range(len(rows)):
        by_strengths[rows[context]] += by_saved[context]
        for i in range(starts[context], starts[context + 1]):
            by_discounts[rows[context], cells[i]] += by_saved[context] * numbers[i]
    return total


def closed_form(discounts: Sequence[Discounts], classes: Classes, size: int) -> Parameters:
    """Return the parameters for which the model is modified Kneser-Ney: all θ are 0, and ``<unk>`` has 1 / V."""
    rows = [[d.amounts[min(j, 3) - 1] for j in range(1, classes.levels + 1)] for d in discounts]
    table = np.repeat(np.repeat(np.array(rows), len(SPREADS) + 1, axis=1), classes.n_groups, axis=0)
    return Parameters(table, np.zeros(len(table)), 1 / size)


def tune(text: HeldOut, classes: Classes, start: Parameters, size: int, unknown: int | None) -> Parameters:
    """Return the parameters with the greatest posterior probability given a held-out text.

    A discount is a share of its count. The log-odds of this share are a sum of two numbers: one for the order and
    class, and one for the group of contexts and the count. These numbers, the logarithms of the strengths and the
    log-odds of the probability of ``<unk>`` have normal priors around their values in ``start``. They are fitted by
    L-BFGS with analytic derivatives. If the text is less likely under the result than under ``start``, ``start`` is
    returned.

    Parameters
    ----------
    text : HeldOut
        The held-out text.
    classes : Classes
        The classes of the n-grams.
    start : Parameters
        The initial parameters.
    size : int
        V, the number of types.
    unknown : int or None
        The id of ``<unk>``.
    """
    from scipy.optimize import minimize

    point = _Point(start, classes)
    tokens = len(text.words)

    def loss(vector: FloatArray) -> tuple[float, FloatArray]:
        parameters = point.parameters(vector)
        mean, gradient = likelihood(text, parameters, size, unknown)
        away = vector / point.freedom
        return float(away @ away) / (2 * tokens) - mean, away / (point.freedom * tokens) - point.chained(
            gradient, parameters
        )

    options = {"maxiter": ROUNDS, "maxcor": 20, "ftol": 1e-7}
    found = minimize(loss, np.zeros(len(point.freedom)), jac=True, method="L-BFGS-B", options=options)
    tuned = point.parameters(found.x)
    better = likelihood(text, tuned, size, unknown)[0] >= likelihood(text, start, size, unknown)[0]
    return tuned if better else start


class _Point:
    """The parameters as a vector of unbounded numbers, all 0 at the start.

    The vector has n K numbers for orders and classes, R J for groups and counts, R for the strengths, and one for
    ``<unk>``. ``freedom`` has the standard deviation of each.
    """

    def __init__(self, start: Parameters, classes: Classes) -> None:
        rows, kinds = start.discounts.shape
        self._order_of_row = np.repeat(np.arange(len(classes.orders)), classes.n_groups)
        self._shapes = (len(classes.orders), kinds), (rows, classes.levels)
        self._counts = np.repeat(np.arange(1, classes.levels + 1), kinds // classes.levels)  # (K,)
        self._odds = _log_odds(start.discounts / self._counts)
        self._strengths = np.log(np.where(start.strengths > 0, start.strengths, STRENGTH))
        self._unknown = float(_log_odds(np.array(start.unknown)))
        sizes = [a * b for a, b in self._shapes]
        self._cuts = np.cumsum([*sizes, rows])
        self.freedom = np.repeat([FREEDOM, GROUP_FREEDOM, FREEDOM, FREEDOM], [*sizes, rows, 1])

    def parameters(self, vector: FloatArray) -> Parameters:
        of_order, of_group, strengths, unknown = np.split(vector, self._cuts)
        steps = of_order.reshape(self._shapes[0])[self._order_of_row]  # (n, K) -> (R, K)
        steps = steps + of_group.reshape(self._shapes[1])[:, self._counts - 1]  # (R, J) -> (R, K)
        discounts = _share(self._odds + steps) * self._counts
        return Parameters(
            discounts, np.exp((self._strengths + strengths).clip(-14, 14)), float(_share(self._unknown + unknown)[0])
        )

    def chained(self, gradient: Parameters, at: Parameters) -> FloatArray:
        """Return the derivatives with respect to the vector, from those with respect to the parameters."""
        odds = gradient.discounts * at.discounts * (1 - at.discounts / self._counts)  # (R, K)
        of_order = np.zeros(self._shapes[0])
        np.add.at(of_order, self._order_of_row, odds)
        of_group = odds.reshape(*self._shapes[1], -1).sum(axis=2)
        unknown = gradient.unknown * at.unknown * (1 - at.unknown)
        return np.concatenate(
            [of_order.ravel(), of_group.ravel(), gradient.strengths * at.strengths, np.array([unknown])]
        )


def _log_odds(share: FloatArray) -> FloatArray:
    share = np.clip(share, TINY, 1 - TINY)
    odds: FloatArray = np.log(share / (1 - share))
    return odds


def _share(odds: FloatArray) -> FloatArray:
    share: FloatArray = (1 / (1 + np.exp(-odds.clip(-40, 40)))).clip(TINY, 1 - TINY)
    return share
