"""The pointer against its equations by hand, and a text that can only be predicted by copying."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from lmcompare import plugins
from lmcompare.errors import PluginError
from lmcompare.exhibits import Bars, Heatmap, WorkedEquation
from lmcompare.model import Setting
from lmcompare.models.pointer.exhibits import Copying, mixed
from lmcompare.models.pointer.network import Pointer, PointerNetwork
from lmcompare.models.rnn.network import Rnn
from lmcompare.tokens import Encoded
from lmcompare.training.language_model import TorchLanguageModel
from lmcompare.training.softmax import ClassHead
from tests.training.texts import VOCABULARY, fitted

pytestmark = pytest.mark.slow

TRAINED: dict[str, Any] = {"steps": 8, "batch": 4, "length": 16, "precision": "float32"}
SMALL = {**TRAINED, "width": 8, "hidden": 6}
DOCUMENT = [2, 5, 3, 3, 9, 2, 5, 6]


def network_of(window: int) -> PointerNetwork:
    torch.manual_seed(1)
    network = PointerNetwork(Rnn(cell="gru", width=8, hidden=6, dropout=0.0).network(12), 5, window).eval()
    for weights in (network.sentinel.weight, network.distance):
        torch.nn.init.normal_(weights)
    torch.nn.init.normal_(network.head.bias)
    torch.nn.init.zeros_(network.sentinel.bias)
    return network


@torch.no_grad()
def by_hand(network: PointerNetwork, ids: list[int], window: int) -> np.ndarray:
    """(T + 1, V): position by position, from the equations."""
    features = network.inner(network.inputs(np.array(ids)), None)[0][0]
    W, U = network.query.weight, network.key.weight
    out = []
    for i, f in enumerate(features):
        plain = torch.softmax(network.head.table[:12] @ f + network.head.bias, 0)
        seen = range(max(0, i - window), i)
        e = [(W @ f) @ (U @ features[j]) / math.sqrt(5) + network.distance[i - j - 1] for j in seen]
        shares = torch.softmax(torch.stack([network.sentinel(f)[0], *e]), 0)
        p = shares[0] * plain
        for share, j in zip(shares[1:], seen, strict=True):
            p[ids[j]] += share  # ids[j] came after position j
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
        softmax, copies, ids = head.weights(features)
        f = features[:, : head.width]
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


@pytest.mark.parametrize("base", ["rnn-attention", "transformer", "word2vec-bow"])
def test_over_any_network_reading_in_pieces_is_reading_at_once(base: str) -> None:
    more = {"rnn-attention": {"hidden": 6, "window": 4}, "transformer": {"heads": 2, "window": 4}}
    narrow = {**TRAINED, "width": 8, **more.get(base, {})}
    model = fitted(Pointer(base, narrow, attention=5, window=3))
    text = Encoded.from_documents([DOCUMENT, DOCUMENT[::-1]], VOCABULARY)
    whole = model.log_probs(text)
    model.trained_network().piece = 2
    np.testing.assert_allclose(model.log_probs(text), whole, atol=1e-5)
    assert model.tokens_before(text) == plugins.build(base, narrow).tokens_before(text)


def test_a_base_may_have_no_bias() -> None:
    options = {**TRAINED, "width": 8, "heads": 2, "window": 4, "style": "llama"}
    model = fitted(Pointer("transformer", options, window=3))
    text = Encoded.from_documents([DOCUMENT], VOCABULARY)
    np.testing.assert_allclose(np.exp(model.next_log_probs(text, np.arange(len(text)))).sum(1), 1.0, atol=1e-5)


def test_the_parameters_are_those_of_the_base_and_of_the_pointer() -> None:
    base, model = fitted(Rnn(**SMALL)), fitted(Pointer("rnn", SMALL, attention=5, window=3))
    assert model.size().parameters == (base.size().parameters or 0) + 2 * 5 * 8 + 3 + 8 + 1


@pytest.mark.parametrize("base", ["rnn", "transformer"])
def test_a_given_size_is_that_of_base_and_pointer_together(base: str) -> None:
    model = Pointer(base=base)
    wanted = model.sized(200_000, len(VOCABULARY))
    assert wanted is not None
    network = Pointer(**{**model.hyperparameters(), **wanted}).network(len(VOCABULARY))
    assert sum(each.numel() for each in network.parameters()) == pytest.approx(200_000, rel=0.06)


def test_what_it_shows_is_what_it_computes() -> None:
    model = fitted(Pointer("rnn", SMALL, attention=5, window=30))
    long = Encoded.from_documents([DOCUMENT * 8], VOCABULARY)
    model.study(long, long, Setting(VOCABULARY))
    found = Copying(**model.measured)
    worked, chart, copies, saves, _ = model.exhibits(long)
    assert isinstance(worked, WorkedEquation)
    softmax, plain, copied, whole = (value for _, value in worked.lines)
    assert whole == pytest.approx(softmax * plain + copied, rel=1e-4)
    assert isinstance(chart, Heatmap)
    for row in chart.values[0]:
        assert sum(each for each in row if each is not None) == pytest.approx(1.0, abs=1e-5)
    assert isinstance(copies, Bars)
    assert isinstance(saves, Bars)
    parts = mixed(model.trained_as(PointerNetwork), long)
    p = (1 - parts.copied) * parts.softmax + parts.own
    np.testing.assert_allclose(np.log(p), model.log_probs(long), atol=1e-5)
    assert saves.values[-1] == pytest.approx(np.log2(p / parts.softmax).mean(), abs=1e-5)
    assert sum(found.tokens) == len(long)
    before = [set(long.ids[max(0, i - 30) : i]) for i in range(len(long))]
    assert found.tokens[0] == sum(int(word) in seen for word, seen in zip(long.ids, before, strict=True))


def test_a_softmax_over_classes_is_refused() -> None:
    class Classes(TorchLanguageModel):
        def network(self, types: int) -> Any:
            network = Rnn(**SMALL).network(types)
            network.head = ClassHead(types, 8, 2)
            return network

    model = Pointer("rnn", SMALL)
    model._base = Classes()
    with pytest.raises(PluginError, match="no single softmax"):
        model.network(12)
