"""Numbers as the report writes them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lmcompare.exhibits.heatmap import near_and_far
from lmcompare.render import numbers


@pytest.mark.parametrize(
    ("value", "written"),
    [
        *((0, "0"), (12, "12"), (1234.5, "1,234.5"), (12.3456, "12.35"), (-0.0123456, "−0.01235")),
        *((1234567, "1,234,567"), (123456.7, "1.235\u00a0×\u00a010⁵"), (0.00012, "1.200\u00a0×\u00a010⁻⁴")),
        *((math.inf, "∞"), (-math.inf, "−∞")),
    ],
)
def test_tidy(value: float, written: str) -> None:
    assert numbers.tidy(value) == written


def test_how_far_maps_look_back_is_said_of_weights_of_a_past_alone() -> None:
    past = np.array([[[1.0, 0, 0], [0, 1, 0], [0, 0, 1]], [[1, 0, 0], [1, 0, 0], [1, 0, 0]]])
    said = near_and_far(["here", "there"], past)
    assert "here looks back least far on average (0.0 tokens)" in said
    assert "there farthest (1.0)" in said
    for values in (past.transpose(0, 2, 1), -past, 0 * past):
        assert near_and_far(["here", "there"], values) == ""
    assert near_and_far(["here"], past[:1]) == ""
