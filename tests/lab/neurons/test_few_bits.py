"""What is said of weights of few bits, given figures that are known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lmcompare.analysis.contrasts import Contrast
from lmcompare.lab.neurons.few_bits import AFTER, ROUNDED, WITH, _claims, _name, _verdict
from lmcompare.lab.quantisation import TERNARY
from tests.lab.laboratory import missed


def figures(after: dict[float, float], trained: float) -> dict[str, Contrast]:
    plain = Contrast("", 1.5, 0.0, 0.0, 0.0, 1.0, 1.0)
    lost = {_name(bits, AFTER): after.get(bits, 0.0) for bits in ROUNDED} | {_name(TERNARY, WITH): trained}
    return {
        name: replace(plain, name=name, difference=each, low=each, high=each, p_holm=0.001 if each else 1.0)
        for name, each in lost.items()
    }


def test_what_costs_nothing_is_said_first() -> None:
    said = _verdict(figures({3: 0.005, 2: 0.123, TERNARY: 0.4}, 0.03))
    assert said.startswith("No loss was found with 8 and 4 bits")
    assert said.index("0.005 with 3") < said.index("0.123 with 2") < said.index("0.030 with 1.58")
    assert "0.000" not in said


def test_no_loss_at_all() -> None:
    assert "8, 4, 3, 2 and 1.58" in _verdict(figures({}, 0.02))
    assert "cost" not in _verdict(figures({}, 0.0))


@pytest.mark.parametrize(
    ("after", "trained", "wrong"),
    [({2: 0.2}, 0.04, []), ({2: 0.05}, 0.04, [1]), ({2: 0.2}, 0.06, [2]), ({2: 0.2, 4: 0.02}, 0.04, [0])],
)
def test_the_prediction(after: dict[float, float], trained: float, wrong: list[int]) -> None:
    assert missed(_claims(figures(after, trained))) == wrong
