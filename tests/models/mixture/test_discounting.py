"""Discounts by rule, against hand-worked arithmetic, and by fit, against other values."""

from __future__ import annotations

import numpy as np
import pytest

from lmcompare.models.mixture import chains

pytestmark = pytest.mark.slow


def test_rules_of_thumb_by_hand() -> None:
    # n = 4, 2, 1, 1, 0: Y = 4 / 8 = 1/2; D1 = 1 - 2 Y 2/4 = 1/2; D2 = 2 - 3 Y 1/2 = 5/4; D3 = 3 - 4 Y 1/1 = 1; and
    # D4 = 4 - 0, limited to 0.9 · 4
    counts = np.array([1, 1, 1, 1, 2, 2, 3, 4])
    (rules,) = chains.rules_of_thumb([counts])
    assert rules.tolist() == pytest.approx([0.5, 1.25, 1.0, 3.6, chains.STRENGTH])
    (rules,) = chains.rules_of_thumb([np.array([7, 7])])  # no n-gram with any of these counts
    assert rules[:4].tolist() == pytest.approx([0.5, 1.0, 1.5, 2.0])


def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
    """One context of the counts 1, 1, 2, 4 over eight words; the held-out words are one of count 1 or never seen."""
    statistics = np.zeros((1, 6, n), np.float32)
    statistics[0, 1:] = np.array([8, 2, 1, 0, 1], np.float32)[:, None]
    statistics[0, 0, ::2] = 1
    return statistics, np.full(n, 1 / 8, np.float32)


def likelihood(values: np.ndarray, statistics: np.ndarray, below: np.ndarray) -> float:
    d, strength = values[:4], values[4]
    count, total, n1, n2, n3, n4 = statistics[0, :, :2].astype(float)
    saved = d[0] * n1 + d[1] * n2 + d[2] * n3 + d[3] * n4
    own = np.where(count == 1, 1 - d[0], 0)
    return float(np.log((own + (strength + saved) * below[:2]) / (total + strength)).mean())


def test_the_fit_is_more_likely_than_the_rule_and_its_neighbours() -> None:
    statistics, below = draw(100_000)
    rules = np.array([[0.5, 1.0, 1.5, 2.0, 0.1]])
    (fitted,) = chains.fit_discounts(statistics, below, rules)
    best = likelihood(fitted, statistics, below)
    assert best > likelihood(rules[0], statistics, below)
    for step in np.eye(5) * 0.05:
        for other in (fitted + step, fitted - step):
            inside = (other > 0).all() and (other[:4] < [1, 2, 3, 4]).all()
            assert not inside or likelihood(other, statistics, below) < best + 1e-3
    assert (fitted > 0).all()
    assert (fitted[:4] < [1, 2, 3, 4]).all()


def test_a_short_text_stays_near_the_rule() -> None:
    statistics, below = draw(2)
    rules = np.array([[0.5, 1.0, 1.5, 2.0, 0.1]])
    few = chains.fit_discounts(statistics, below, rules)
    many = chains.fit_discounts(*draw(100_000), rules)
    assert np.abs(few - rules).sum() < np.abs(many - rules).sum() / 2
