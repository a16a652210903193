"""Tests of the reach of attention, against a network with a smaller window and the network's own scores."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from lmcompare.exhibits import Bars
from lmcompare.models.rnn.attention import AttentiveRnnNetwork, RnnAttention, WindowAttention
from lmcompare.models.rnn.attention_exhibits import Reach, measured, reach_exhibits
from lmcompare.tokens import Encoded
from tests.models.neural_cases import trained
from tests.models.rnn.maps import attention_weights
from tests.training.texts import VOCABULARY, ragged


def network_of(model: RnnAttention) -> AttentiveRnnNetwork:
    network = model._network
    assert isinstance(network, AttentiveRnnNetwork)
    return network


@pytest.mark.parametrize("reach", [1, 3, 5])
def test_attention_with_a_limited_reach_is_attention_over_a_smaller_window(reach: int) -> None:
    torch.manual_seed(1)
    attention = WindowAttention("additive", hidden=5, width=3, window=5)
    states, past = torch.randn(3, 9, 5), torch.randn(3, 5, 5)
    filled = torch.tensor([0, 2, 5])
    small = copy.deepcopy(attention)
    small.window = reach
    expected, weights = small(states, past[:, -reach:], filled.clamp(max=reach))
    held, held_weights = attention(states, past, filled, reach)
    torch.testing.assert_close(held, expected)
    torch.testing.assert_close(held_weights[..., -reach:], weights)
    assert not held_weights[..., :-reach].any()


def test_it_measures_the_scores_and_weights_of_the_network() -> None:
    model = trained("gru")
    assert isinstance(model, RnnAttention)
    text = ragged()
    found = measured(network_of(model), text)
    assert found.tokens == len(text)
    assert found.reaches == [0, 1, 4, 7]
    assert found.bits[-1] == pytest.approx(-model.log_probs(text).mean() / np.log(2), abs=1e-5)
    shares, entropy, seen = np.zeros(7), 0.0, 0
    for ids in text.documents():
        if len(ids):
            weights = attention_weights(network_of(model), ids[:-1])
            for i in range(7, len(weights)):
                window = weights[i, i - 7 : i]
                shares += window[::-1]
                entropy -= (window * np.log(window)).sum()
                seen += 1
    np.testing.assert_allclose(found.weights, shares / seen, atol=1e-5)
    assert found.spread == pytest.approx(np.exp(entropy / seen), rel=1e-5)
    assert sum(found.weights) == pytest.approx(1.0, abs=1e-5)


def test_without_attention_the_context_is_zero() -> None:
    model = trained("gru")
    assert isinstance(model, RnnAttention)
    network = copy.deepcopy(network_of(model))
    hidden = network.get_submodule("attention.U").in_features
    with torch.no_grad():
        network.output.weight[:, hidden:] = 0.0  # what reads the context
    text = ragged()
    expected = measured(network, text).bits[-1]
    assert measured(network_of(model), text).bits[0] == pytest.approx(expected, abs=1e-5)


def test_short_documents_and_an_empty_text() -> None:
    model = trained("gru")
    assert isinstance(model, RnnAttention)
    short = measured(network_of(model), Encoded.from_documents([[2, 3], [4]], VOCABULARY))
    assert short.weights == ()  # none is as long as the window
    assert [e.title for e in reach_exhibits(short)] == ["What looking back is worth"]
    empty = measured(network_of(model), Encoded.from_documents([[]], VOCABULARY))
    assert empty == Reach()
    assert reach_exhibits(empty) == []


def test_the_measurements_are_stored_and_shown() -> None:
    model = trained("gru")
    assert isinstance(model, RnnAttention)
    found = model.reach()
    assert found.tokens
    again = RnnAttention(**model.hyperparameters()).restore(model.state())
    assert again.reach() == found
    looks, worth = reach_exhibits(found)
    assert isinstance(looks, Bars)
    assert looks.labels == ("1", "2", "3–4", "5–7")
    assert looks.values[:2] == pytest.approx([7 * w for w in found.weights[:2]])
    assert np.dot(looks.values, [1, 1, 2, 3]) == pytest.approx(7, abs=1e-4)
    assert isinstance(worth, Bars)
    assert worth.labels == ("none", "the last 1", "the last 4")
    assert worth.values == pytest.approx([b - found.bits[-1] for b in found.bits[:-1]])
    shown = [e.title for e in model.exhibits(Encoded.from_documents([[2, 3, 4, 5, 1]], VOCABULARY))]
    assert {"How far back it looks", "What looking back is worth"} <= set(shown)
