"""The parameters of the tuned n-gram model that maximise the likelihood of a held-out text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmcompare.models.ngram.smoothing.kneser_ney import Discounts
from lmcompare.models.ngram_tuned.discount_classes import SPREADS, Classes
from lmcompare.models.ngram_tuned.estimator import Parameters
from lmcompare.models.ngram_tuned.held_out import HeldOut, likelihood
from lmcompare.tokens import FloatArray

FREEDOM = 2.0  # standard deviation of the normal prior on log-odds and logarithms
GROUP_FREEDOM = 1.0  # the same for the difference between a group of contexts and its order
STRENGTH = 0.1  # initial θ
ROUNDS = 100
TINY = 1e-6  # shares stay this far from 0 and 1


def closed_form(discounts: Sequence[Discounts], classes: Classes, size: int) -> Parameters:
    """Return the parameters for which the model is modified Kneser-Ney: all θ are 0, and ``<unk>`` has 1 / V."""
    rows = [[d.amounts[min(j, 3) - 1] for j in range(1, classes.levels + 1)] for d in discounts]
    table = np.repeat(np.repeat(np.array(rows), len(SPREADS) + 1, axis=1), classes.n_groups, axis=0)
    return Parameters(table, np.zeros(len(table)), 1 / size)


def tune(text: HeldOut, classes: Classes, start: Parameters, size: int, unknown: int) -> Parameters:
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
    unknown : int
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
        """Return the derivatives by the numbers of the vector, from the derivatives by the parameters."""
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
