"""The parameters of the Pitman-Yor n-gram model, chosen by the likelihood of a held-out text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmcompare.counts.estimating.discount_classes import SPREADS, Classes
from lmcompare.counts.estimating.held_out import HeldOut
from lmcompare.counts.estimating.kneser_ney import Discounts
from lmcompare.counts.estimating.pitman_yor import Parameters, likelihood
from lmcompare.tokens import FloatArray

FREEDOM = 2.0  # standard deviation of log-odds and logs around where they begin
GROUP_FREEDOM = 1.0  # and of how far a group of contexts goes from its order
STRENGTH = 0.1  # where the strengths begin
ROUNDS = 100
TINY = 1e-6  # discounts and the share of the unknown keep this share away from none and all


def closed_form(discounts: Sequence[Discounts], classes: Classes, size: int) -> Parameters:
    """Return the parameters that make modified Kneser-Ney of the model: no strengths, ``<unk>`` one type of V."""
    rows = [[d.amounts[min(j, 3) - 1] for j in range(1, classes.levels + 1)] for d in discounts]
    table = np.repeat(np.repeat(np.array(rows), len(SPREADS) + 1, axis=1), classes.n_groups, axis=0)
    return Parameters(table, np.zeros(len(table)), 1 / size)


def tune(text: HeldOut, classes: Classes, start: Parameters, size: int, unknown: int) -> Parameters:
    """Return the parameters under which a held-out text is most likely, held near ``start`` where it says little.

    The share of a count that is taken off has log-odds, which are the sum of a number for its order and class and of
    a smaller one for its group of contexts and count; they, the logs of the strengths and the log-odds of the share
    of ``<unk>`` have a normal prior around their beginning. L-BFGS, with derivatives worked out. The likelihood is
    that of ``start`` at least.
    """
    from scipy.optimize import minimize

    point = _Point(start, classes)
    tokens = len(text.words)

    def loss(line: FloatArray) -> tuple[float, FloatArray]:
        parameters = point.parameters(line)
        mean, gradient = likelihood(text, parameters, size, unknown)
        away = line / point.freedom
        return float(away @ away) / (2 * tokens) - mean, away / (point.freedom * tokens) - point.chained(
            gradient, parameters
        )

    options = {"maxiter": ROUNDS, "maxcor": 20, "ftol": 1e-7}
    found = minimize(loss, np.zeros(len(point.freedom)), jac=True, method="L-BFGS-B", options=options)
    tuned = point.parameters(found.x)
    better = likelihood(text, tuned, size, unknown)[0] >= likelihood(text, start, size, unknown)[0]
    return tuned if better else start


class _Point:
    """The parameters as a line of numbers without bounds, all 0 at the beginning.

    ``freedom``: the standard deviation of each. In the line stand the n K numbers of orders and classes, the R J of
    groups and counts, the R of the strengths, and the one of the unknown.
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

    def parameters(self, line: FloatArray) -> Parameters:
        of_order, of_group, strengths, unknown = np.split(line, self._cuts)
        steps = of_order.reshape(self._shapes[0])[self._order_of_row]  # (n, K) -> (R, K)
        steps = steps + of_group.reshape(self._shapes[1])[:, self._counts - 1]  # (R, J) -> (R, K)
        discounts = _share(self._odds + steps) * self._counts
        return Parameters(
            discounts, np.exp((self._strengths + strengths).clip(-14, 14)), float(_share(self._unknown + unknown)[0])
        )

    def chained(self, gradient: Parameters, at: Parameters) -> FloatArray:
        """Return the derivatives by the line's numbers."""
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
