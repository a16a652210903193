"""Tests of the exhibit of the position encoding, against the formulas of the papers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from lmcompare.exhibits import Curve, Heatmap
from lmcompare.models.transformer.exhibits import position_exhibits
from lmcompare.models.transformer.network import Design, TransformerNetwork


def network(positions: str, **more: Any) -> TransformerNetwork:
    usual: dict[str, Any] = {"width": 16, "heads": 2, "layers": 1, "window": 6}
    return TransformerNetwork(9, Design(**usual | {"positions": positions} | more))


def test_rotary_shows_the_cosine_of_the_angle() -> None:
    # 32 pairs; a word turns pair k by 10000^(-k/32): the whole window once at k = 8, an eighth of it at k = 15
    (drawn,) = position_exhibits(network("rotary", width=128, window=64))
    assert isinstance(drawn, Curve)
    assert drawn.names == ("pair 1", "pair 9", "pair 16")
    for pair, line in zip((0, 8, 15), drawn.y, strict=True):
        assert line == pytest.approx([math.cos(d / 2 * 10000 ** (-pair / 32)) for d in range(127)], abs=1e-9)
    assert drawn.x[0][:3] == (0, 0.5, 1)
    assert drawn.x[0][-1] == 63


def test_sinusoidal_is_sines() -> None:
    (drawn,) = position_exhibits(network("sinusoidal"))  # eight sines, of which five are drawn
    assert isinstance(drawn, Curve)
    assert drawn.names == tuple(f"sine {k}" for k in (1, 3, 5, 6, 8))
    assert drawn.y[1] == pytest.approx([math.sin(p * 10000 ** (-2 / 8)) for p in range(6)], abs=1e-6)


def test_learned_places_are_compared() -> None:
    net = network("learned", window=3)
    assert net.places is not None
    with torch.no_grad():
        net.places.zero_()
        net.places[0, 0] = net.places[1, 1] = 2.0
        net.places[2, :2] = 1.0
    (drawn,) = position_exhibits(net)
    assert isinstance(drawn, Heatmap)
    half = math.sqrt(0.5)
    assert drawn.values[0][0] == pytest.approx([1, 0, half])
    assert drawn.values[0][2] == pytest.approx([half, half, 1])


def test_alibi_falls_by_each_heads_slope() -> None:
    (drawn,) = position_exhibits(network("alibi"))
    assert isinstance(drawn, Curve)
    assert drawn.y[0] == pytest.approx([-d / 16 for d in range(6)])
    assert drawn.y[1] == pytest.approx([-d / 256 for d in range(6)])


@pytest.mark.parametrize("causal", [True, False])
def test_relative_shows_the_learned_numbers(causal: bool) -> None:
    net = network("relative", window=3, causal=causal)
    assert net.distances is not None
    with torch.no_grad():
        net.distances.copy_(torch.arange(float(net.distances.numel())))
    (drawn,) = position_exhibits(net)
    assert isinstance(drawn, Curve)
    # without the mask there are numbers for the distances -2 … 2, of which those back are drawn
    assert drawn.y == (((0, 1, 2), (3, 4, 5)) if causal else ((2, 3, 4), (7, 8, 9)))


def test_no_positions_are_no_signal() -> None:
    assert position_exhibits(network("none")) == []


def test_only_some_of_many_heads_are_drawn() -> None:
    (drawn,) = position_exhibits(network("alibi", width=48, heads=24))
    assert isinstance(drawn, Curve)
    assert len(drawn.names) == 8
    assert (drawn.names[0], drawn.names[-1]) == ("head 1", "head 24")
    assert "8 of 24 heads" in drawn.note
