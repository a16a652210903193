"""Tests of the convolutional model: its equation, its reach and its exhibits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from lmcompare.exhibits import Heatmap, WorkedEquation
from lmcompare.models.cnn import Cnn, ConvolutionalNetwork
from lmcompare.tokens import Encoded
from tests.models.neural_cases import trained
from tests.training.texts import TYPES, VOCABULARY

IDS = np.array([3, 7, 4, 9, 2, 5])


Array = npt.NDArray[np.float64]


def norm(x: Array, weight: Array, bias: Array) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    normalised: Array = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * weight + bias
    return normalised


def test_dauphins_equation() -> None:
    model = trained("cnn")
    network = model.trained_as(ConvolutionalNetwork)
    weights = {name: value.detach().double().numpy() for name, value in network.state_dict().items()}
    h = weights["head.table"][[TYPES, *IDS]] * 8**0.5  # (T, d)
    for n in range(2):
        layer = {name.removeprefix(f"layers.{n}."): value for name, value in weights.items()}
        x = norm(h, layer["norm.weight"], layer["norm.bias"])
        both = []
        for i in range(len(x)):
            window = np.concatenate([x[j] if j >= 0 else np.zeros(8) for j in (i - 2, i - 1, i)])
            both.append(layer["both.weight"] @ window + layer["both.bias"])
        content, gate = np.split(np.array(both), 2, axis=1)
        h = h + content / (1 + np.exp(-gate))
    features = norm(h[-1], weights["last_norm.weight"], weights["last_norm.bias"])
    scores = weights["head.bias"] + weights["head.table"][:-1] @ features
    text = Encoded.from_documents([IDS], VOCABULARY)
    expected = scores - np.log(np.exp(scores).sum())
    np.testing.assert_allclose(model.next_log_probs(text, np.array([len(IDS)]))[0], expected, atol=1e-5)


def test_it_sees_as_far_as_it_says() -> None:
    model = trained("cnn")
    assert isinstance(model, Cnn)
    assert model.reach == 5
    ids = np.arange(20) % TYPES
    found = []
    for at in (20 - model.reach - 1, 20 - model.reach):
        changed = ids.copy()
        changed[at] = 11
        found.append(model.next_log_probs(Encoded.from_documents([changed], VOCABULARY), np.array([20]))[0])
    own = model.next_log_probs(Encoded.from_documents([ids], VOCABULARY), np.array([20]))[0]
    np.testing.assert_array_equal(found[0], own)
    assert np.abs(found[1] - own).max() > 1e-7


def test_what_it_shows_is_what_it_computes() -> None:
    model = trained("cnn")
    found = list(model.exhibits(Encoded.from_documents([IDS], VOCABULARY)))
    worked = next(each for each in found if isinstance(each, WorkedEquation))
    before, content, gate, after, _ = (value for _, value in worked.lines)
    assert after == pytest.approx(before + content * gate, abs=1e-6)
    gates = next(each for each in found if isinstance(each, Heatmap))
    values = np.array(gates.values, np.float64)
    assert values.shape == (1, len(IDS), 2)
    assert 0 < values.min() < values.max() < 1
