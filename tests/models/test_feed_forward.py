"""Tests of the feed-forward models: their equations, their window, and what each position is worth."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lmcompare.exhibits import Bars
from lmcompare.models.feed_forward import BengioNetwork, FeedForward, LogBilinearNetwork
from lmcompare.tokens import Encoded
from tests.models.neural_cases import trained
from tests.training.texts import TYPES, VOCABULARY

IDS = np.array([3, 7, 4, 9, 2, 5])


def test_bengios_equation() -> None:
    model = trained("bengio")
    network = model.trained_as(BengioNetwork)
    weights = {name: value.detach().double().numpy() for name, value in network.state_dict().items()}
    x = np.concatenate([weights["vectors"][i] for i in IDS[2:]])
    features = np.tanh(weights["hidden.bias"] + weights["hidden.weight"] @ x)
    scores = weights["head.bias"] + weights["head.table"][:-1] @ features
    expected = scores - np.log(np.exp(scores).sum())
    text = Encoded.from_documents([IDS], VOCABULARY)
    np.testing.assert_allclose(model.next_log_probs(text, np.array([len(IDS)]))[0], expected, atol=1e-5)


def test_the_log_bilinear_equation_at_a_documents_beginning() -> None:
    model = trained("log-bilinear")
    network = model.trained_as(LogBilinearNetwork)
    weights = {name: value.detach().double().numpy() for name, value in network.state_dict().items()}
    table, matrices = weights["head.table"], weights["predict.weight"].reshape(8, 3, 8)
    # the window of the second word: nothing, the beginning of the document, the first word
    features = weights["predict.bias"] + matrices[:, 1] @ table[TYPES] + matrices[:, 2] @ table[IDS[0]]
    scores = weights["head.bias"] + table[:-1] @ features
    text = Encoded.from_documents([IDS], VOCABULARY)
    np.testing.assert_allclose(
        model.next_log_probs(text, np.array([1]))[0], scores - np.log(np.exp(scores).sum()), atol=1e-5
    )


@pytest.mark.parametrize("case", ["feed-forward", "bengio", "log-bilinear"])
def test_it_sees_its_window_and_nothing_before(case: str) -> None:
    model = trained(case)
    assert isinstance(model, FeedForward)
    context = model.context
    ids = np.arange(20) % TYPES
    before, inside = ids.copy(), ids.copy()
    before[20 - context - 1] = 11
    inside[20 - context] = 11
    own, far, near = (
        model.next_log_probs(Encoded.from_documents([each], VOCABULARY), np.array([20]))[0]
        for each in (ids, before, inside)
    )
    np.testing.assert_array_equal(own, far)
    assert np.abs(own - near).max() > 1e-6


def test_the_exhibit_shows_what_was_measured() -> None:
    model = trained("bengio")
    shown = list(model.exhibits(Encoded.from_documents([IDS], VOCABULARY)))
    bars = next(each for each in shown if isinstance(each, Bars))
    assert bars.values == tuple(model.measured["lost"])
    assert bars.labels == ("the last word", "2 back", "3 back", "4 back")


def test_input_vectors_are_those_that_are_read() -> None:
    model = trained("bengio")
    network = model.trained_as(BengioNetwork)
    np.testing.assert_array_equal(model.word_vectors(), network.vectors[:TYPES].detach().numpy())
    with torch.no_grad():
        torch.testing.assert_close(network.embed(torch.tensor([3])), network.vectors[3:4])
