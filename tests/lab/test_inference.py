"""Mixtures of scores, and what is said of savings and their cost."""

from __future__ import annotations

import numpy as np
import pytest

from lmcompare.lab.contract import Row
from lmcompare.lab.inference import _by_time, _claims, _verdict, best_weight, mixed
from tests.lab.laboratory import missed


def test_a_mixture_by_hand() -> None:
    one, other = np.log([0.5, 0.1]), np.log([0.1, 0.3])
    assert np.exp(mixed(one, other, 0.25)) == pytest.approx([0.2, 0.25])
    assert mixed(one, other, 1.0) == pytest.approx(one)
    assert mixed(one, other, 0.0) == pytest.approx(other)


def test_the_best_weight_is_near_that_of_the_truth() -> None:
    random = np.random.default_rng(0)
    first = random.random(4000) < 0.7  # 70 % of the tokens come from the first model
    one = np.log(np.where(first, 0.9, 0.01))
    other = np.log(np.where(first, 0.01, 0.9))
    assert best_weight([one], [other]) == pytest.approx(0.7, abs=0.051)


def rows(mixing: float, learning: float, window: float) -> list[Row]:
    given = {
        "Mixing with the 5-gram": (mixing, 0.5),
        "Learning from the document so far": (learning, 900.0),
        "A window four times as long": (window, 20.0),
    }
    return [Row(name, value=v, p_holm=0.001 if v else 1.0, figure=cost) for name, (v, cost) in given.items()]


def test_savings_are_divided_by_their_cost() -> None:
    found = {row.name: row.value for row in _by_time(rows(-0.25, -0.09, 0.02)).rows}
    assert found == pytest.approx({"Mixing with the 5-gram": 500.0, "Learning from the document so far": 0.1})


def test_the_verdict_says_what_was_in_vain_last() -> None:
    said = _verdict(rows(-0.25, -0.09, 0.0))
    assert said.startswith("2 of 3\u00a0ways to spend more computation help, most of all mixing with the 5-gram.")
    assert _verdict(rows(0.0, 0.0, 0.0)).startswith("None of 3\u00a0ways")
    assert said.endswith("the effect of a window four times as long.")
    assert said.index("mixing with the 5-gram 0.25") < said.index("learning from the document so far 0.09")
    assert missed(_claims(rows(-0.25, -0.09, -0.01))) == []
    assert missed(_claims(rows(-0.25, -0.005, -0.01))) == [1]
    assert missed(_claims(rows(-0.0001, -0.9, -0.01))) == [0]
