"""The pointer against its equations by hand, and a text that can only be predicted by copying."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from lmcompare.lab.pointer import PointerNetwork, PointerRnn
from lmcompare.model import Budget, Setting
from lmcompare.models.rnn.plugin import Rnn
from lmcompare.testing import parametrize_with_checks
from lmcompare.tokens import Encoded
from tests.training.texts import VOCABULARY, fitted

SMALL: dict[str, Any] = {"width": 8, "hidden": 6, "steps": 8, "batch": 4, "length": 16, "precision": "float32"}
DOCUMENT = [2, 5, 3, 3, 9, 2, 5, 6]


KIT: dict[str, Any] = {"width": 32, "hidden": 32, "attention": 8, "window": 8, "steps": 150, "batch": 8, "length": 32}


@pytest.mark.slow
@parametrize_with_checks([partial(PointerRnn, **KIT)], budget=Budget(steps=150))
def test_it_keeps_the_contract(model: object, check: Callable[[object], None]) -> None:
    check(model)


def network_of(window: int) -> PointerNetwork:
    torch.manual_seed(1)
    network = PointerNetwork(12, "gru", 8, 6, 1, 5, window, 0.0).eval()
    torch.nn.init.normal_(network.sentinel.weight)
    torch.nn.init.normal_(network.head.bias)
    torch.nn.init.zeros_(network.sentinel.bias)
    return network


@torch.no_grad()
def by_hand(network: PointerNetwork, ids: list[int], window: int) -> np.ndarray:
    """(T + 1, V): position by position, from the equations."""
    inputs = network.inputs(np.array(ids))
    states, _ = network.states(inputs, None)
    features, states = network.features(states)[0], states[0]
    W, U = network.attention.W.weight, network.attention.U.weight
    out = []
    for i, state in enumerate(states):
        plain = torch.softmax(network.head.table[:12] @ features[i] + network.head.bias, 0)
        seen = range(max(0, i - window), i)
        e = [(W @ state) @ (U @ states[j]) / math.sqrt(5) for j in seen]
        shares = torch.softmax(torch.stack([network.sentinel(state)[0], *e]), 0)
        p = shares[0] * plain
        for share, j in zip(shares[1:], seen, strict=True):
            p[ids[j]] += share  # state j has read input j, which ids[j] followed
        out.append(p)
    return torch.stack(out).numpy()


@pytest.mark.parametrize("window", [1, 3, 20])
@torch.no_grad()
def test_the_mixture_is_that_of_the_equations(window: int) -> None:
    network = network_of(window)
    features, _ = network(network.inputs(np.array(DOCUMENT)), None)
    found = network.head.log_probs(features[0]).exp().numpy()
    np.testing.assert_allclose(found, by_hand(network, DOCUMENT, window), rtol=2e-5)
    np.testing.assert_allclose(found.sum(1), 1.0, atol=1e-5)
    wanted = torch.tensor([*DOCUMENT, 1])
    of = network.head.log_prob_of(features[0], wanted).exp().numpy()
    np.testing.assert_allclose(of, found[np.arange(9), wanted], rtol=2e-5)


def test_the_losses_are_those_of_the_mixture_and_have_its_gradient() -> None:
    network, wanted = network_of(3), torch.tensor([*DOCUMENT, 1])
    head = network.head

    def found(loss: Callable[[torch.Tensor], torch.Tensor]) -> tuple[float, dict[str, torch.Tensor]]:
        network.zero_grad()
        features, _ = network(network.inputs(np.array(DOCUMENT)), None)
        value = loss(features[0])
        torch.autograd.backward(value)
        return value.item(), {name: p.grad.to_dense() for name, p in network.named_parameters() if p.grad is not None}

    def plain(features: torch.Tensor) -> torch.Tensor:
        f, softmax, copies, ids = head.split(features)
        p = torch.softmax(f @ head.table[:12].T + head.bias, 1) * softmax.exp()[:, None]
        return -p.scatter_add(1, ids, copies.exp()).log()[torch.arange(9), wanted].mean()

    expected, gradient = found(plain)
    whole = torch.arange(12), torch.zeros(12)  # a sample of all words is the full softmax
    for loss in (lambda f: head.full_loss(f, wanted), lambda f: head.sampled_loss(f, wanted, *whole)):
        value, own = found(loss)
        assert value == pytest.approx(expected, rel=1e-5)
        assert set(own) == set(gradient) == {name for name, _ in network.named_parameters()}
        for name in own:
            torch.testing.assert_close(own[name], gradient[name], atol=1e-6, rtol=1e-4)


def test_reading_in_pieces_is_reading_at_once() -> None:
    model = fitted(PointerRnn(**SMALL, attention=5, window=3))
    text = Encoded.from_documents([DOCUMENT, DOCUMENT[::-1]], VOCABULARY)
    whole = model.log_probs(text)
    model.trained_network().piece = 2
    np.testing.assert_allclose(model.log_probs(text), whole, atol=1e-5)


@pytest.mark.slow
def test_it_copies_what_no_softmax_can_know() -> None:
    # Each document says four of ten letters at random, and the same four again: the second time is a copy.
    random = np.random.default_rng(0)
    drawn = [random.choice(np.arange(2, 12), 4, replace=False) for _ in range(600)]
    text = Encoded.from_documents([np.concatenate([d, d]) for d in drawn], VOCABULARY)
    settings: dict[str, Any] = {
        "cell": "gru",
        "width": 16,
        "hidden": 16,
        "dropout": 0.0,
        "steps": 250,
        "batch": 16,
        "length": 8,
    }
    second = {}
    for cls in (PointerRnn, Rnn):
        model = cls(**settings, learning_rate=1e-2)
        model.fit(text, text.select(range(50)), Setting(VOCABULARY))
        second[cls] = -model.log_probs(text.select(range(100))).reshape(100, 8)[:, 5:].mean()
    assert second[PointerRnn] < 0.3 * second[Rnn]
