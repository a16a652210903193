"""Networks with states that decay: their exhibits, how long they remember, and that they learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from lmcompare.exhibits import Bars, Heatmap, WorkedEquation
from lmcompare.models.common.states import StateModel, StateNetwork, half_lives
from lmcompare.tokens import Encoded
from tests.models.neural_cases import trained
from tests.training.texts import VOCABULARY, chain

IDS = np.array([3, 7, 4, 9, 2, 5])
both = pytest.mark.parametrize("case", ["state-space", "linear-attention"])


def state_model(case: str) -> StateModel:
    model = trained(case)
    assert isinstance(model, StateModel)
    return model


@both
def test_the_memory_does_not_grow(case: str) -> None:
    network = state_model(case).trained_as(StateNetwork)
    sizes = []
    for length in (3, 200):
        with torch.no_grad():
            memory = network(torch.zeros(1, length, dtype=torch.int64), None)[1]
        sizes.append({name: value.shape for name, value in memory.items()})
    assert sizes[0] == sizes[1]


@both
def test_what_it_shows_is_what_it_computes(case: str) -> None:
    model = state_model(case)
    found = list(model.exhibits(Encoded.from_documents([IDS], VOCABULARY)))
    with torch.no_grad():
        gates = model.trained_as(StateNetwork).read(model.trained_as(StateNetwork).inputs(IDS[:-1]), None)[2]
    kept = next(each for each in found if isinstance(each, Heatmap))
    np.testing.assert_allclose(np.array(kept.values, np.float64), [each.keep[0].numpy() for each in gates])
    worked = next(each for each in found if isinstance(each, WorkedEquation))
    left = next(value for name, value in worked.lines if name.startswith("a · "))
    products = torch.stack([each.keep[0, 1:].prod(0) for each in gates])
    assert left == pytest.approx(float(products.max()))
    lives = next(each for each in found if isinstance(each, Bars))
    assert lives.title == "How long each head remembers"
    assert lives.values == tuple(life for layer in model.measured["half_lives"] for life in layer)


@both
def test_half_lives_are_those_of_the_mean_decay(case: str) -> None:
    network, text = state_model(case).trained_as(StateNetwork), chain(3, 1, 50)
    with torch.no_grad():
        gates = network.read(network.inputs(text.ids), None)[2]
    found = half_lives(network, text)
    for layer, each in zip(found, gates, strict=True):
        wanted = math.log(2) / -each.keep[0].double().log().mean(0).numpy()
        np.testing.assert_allclose(layer, wanted, rtol=1e-6)
