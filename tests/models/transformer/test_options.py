"""Options of the transformer against what their papers say, computed token by token."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from lmcompare.errors import LmcompareError
from lmcompare.models.common.layers import AddedConvolution
from lmcompare.models.transformer.design import Design
from lmcompare.models.transformer.feed_forward import BALANCING, Experts
from lmcompare.models.transformer.network import Block, TransformerNetwork
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.models.transformer.self_attention import SelfAttention, View
from tests.training.texts import TYPES, chain, fitted

SIZE: dict[str, Any] = {"width": 16, "heads": 2, "layers": 3, "window": 6}
SMALL: dict[str, Any] = {**SIZE, "layers": 2, "batch": 4, "length": 16, "precision": "float32", "steps": 12}


def test_each_token_takes_two_experts_by_their_affinities() -> None:
    torch.manual_seed(0)
    layer = Experts(Design(**SIZE, experts=4)).eval()
    layer.balance = torch.tensor([0.0, 0.4, -0.4, 0.0])
    tokens = torch.randn(2, 5, 16)
    with torch.no_grad():
        found = layer(tokens)
        for b, t in np.ndindex(2, 5):
            token = tokens[b, t]
            affinity = torch.sigmoid(layer.router.weight @ token)
            first, second = torch.argsort(-(affinity + layer.balance))[:2].tolist()
            parts = [affinity[i] * layer.experts[i](token) for i in (first, second)]
            expected = (parts[0] + parts[1]) / (affinity[first] + affinity[second])
            torch.testing.assert_close(found[b, t], expected, atol=1e-6, rtol=1e-5)


def test_in_training_experts_that_are_chosen_too_seldom_are_helped() -> None:
    torch.manual_seed(0)
    layer = Experts(Design(**SIZE, experts=3)).train()
    with torch.no_grad():
        layer.router.weight.zero_()
        layer.balance = torch.tensor([0.3, 0.2, 0.1])
        layer(torch.randn(7, 16))  # all 7 choose the first two: 7, 7 and 0 tokens, 4.7 on average
    assert layer.balance.tolist() == pytest.approx([0.3 - BALANCING, 0.2 - BALANCING, 0.1 + BALANCING])
    layer.eval()
    before = layer.balance.clone()
    layer(torch.randn(7, 16))
    assert torch.equal(layer.balance, before)


def test_experts_cost_a_token_as_much_as_one_network() -> None:
    one, four = (TransformerNetwork(TYPES, Design(**SIZE, experts=n)).state_dict() for n in (1, 4))
    expert = four["blocks.0.feed_forward.experts.0.up.weight"].numel()
    assert 2 * expert == one["blocks.0.feed_forward.up.weight"].numel()


def test_every_second_layer_looks_near_but_not_the_last() -> None:
    torch.manual_seed(0)
    network = TransformerNetwork(TYPES, Design(**SIZE | {"layers": 4}, local=2)).eval()
    maps = network.maps(np.arange(2, 9))  # eight positions
    assert [int((each.weights[0, 0, -1] > 0).sum()) for each in maps] == [2, 6, 2, 6]
    assert [Design(**SIZE, local=2).reach(layer) for layer in range(3)] == [6, 2, 6]
    assert [Design(**SIZE).reach(layer) for layer in range(3)] == [6, 6, 6]


def test_gates_are_open_at_first() -> None:
    torch.manual_seed(0)
    gated = TransformerNetwork(TYPES, Design(**SIZE, gates=True)).eval()
    plain = TransformerNetwork(TYPES, Design(**SIZE)).eval()
    plain.load_state_dict({k: v for k, v in gated.state_dict().items() if "gate" not in k})
    inputs = torch.randint(0, TYPES, (2, 7))
    with torch.no_grad():
        torch.testing.assert_close(gated(inputs, None)[0], plain(inputs, None)[0])


def test_a_convolution_adds_the_positions_before_with_its_weights() -> None:
    torch.manual_seed(0)
    layer, x = AddedConvolution(4, 2), torch.randn(3, 5, 4)
    assert torch.equal(layer(x, None)[0], x), "it adds nothing at first"
    torch.nn.init.normal_(layer.weight)
    two, one = layer.weight.detach().view(2, 4)  # of the position two before, and of the one before
    with torch.no_grad():
        found, past = layer(x, None)
        torch.testing.assert_close(found[:, 0], x[:, 0])
        torch.testing.assert_close(found[:, 1], x[:, 1] + one * x[:, 0])
        torch.testing.assert_close(found[:, 4], x[:, 4] + one * x[:, 3] + two * x[:, 2])
        torch.testing.assert_close(past, x[:, 3:])
        rest = layer(x[:, 2:], layer(x[:, :2], None)[1])[0]
        torch.testing.assert_close(rest, found[:, 2:])


def test_a_layer_leaves_what_its_convolutions_read_before_as_it_is() -> None:
    torch.manual_seed(0)
    layer = Block(Design(**SIZE, convolution=3)).eval()
    assert layer.convolutions is not None
    for convolution in layer.convolutions:
        torch.nn.init.normal_(convolution.get_parameter("weight"))
    x, near = torch.randn(2, 7, 16), torch.randn(2, 2, 3, 16)
    before = near.clone()
    with torch.no_grad():
        once, twice = (layer(x, None, View(None), near=near) for _ in range(2))
        read = layer.before_attention(x)
    assert torch.equal(near, before)
    assert torch.equal(once[0], twice[0])
    torch.testing.assert_close(once[2][:, 0], read[:, -3:])  # the last that the first convolution has read


def test_an_exclusive_head_finds_nothing_in_the_direction_of_the_own_value() -> None:
    torch.manual_seed(0)
    layer = SelfAttention(16, 2, 2, exclusive=True)
    layer.output.weight.data = torch.eye(16)
    x = torch.randn(1, 5, 16)
    with torch.no_grad():
        found, (_, value), _ = layer(x, None, View(None))
    heads = found.view(5, 2, 8).transpose(0, 1)  # (heads, T, d / heads)
    assert float((heads * value[0]).sum(-1).abs().max()) < 1e-5
    assert float(heads[:, 0].abs().max()) < 1e-5  # the first position sees itself alone
    assert float(heads[:, 1:].abs().max()) > 0.01


def test_the_further_loss_is_that_of_the_token_after_the_next() -> None:
    torch.manual_seed(0)
    network = TransformerNetwork(TYPES, Design(**SIZE, further=0.25))
    network.requires_grad_(False)
    features = torch.randn(2, 4, 16)
    targets = torch.tensor([[3, 4, 5, 6], [7, 8, -1, -1]])
    found = network.auxiliary_loss(features, targets, None)
    assert found is not None
    assert network.ahead is not None
    words, bias = network.head.table[:TYPES].T, network.head.bias
    losses = [
        functional.cross_entropy(network.ahead(features[b, t]) @ words + bias, targets[b, t + 1])
        for b, t in ((0, 0), (0, 1), (0, 2), (1, 0))
    ]
    assert float(found) == pytest.approx(0.25 * float(torch.stack(losses).mean()), rel=1e-5)
    nothing = network.auxiliary_loss(features[:, :1], targets[:, :1], None)
    assert nothing is not None
    assert float(nothing) == 0.0
    assert TransformerNetwork(TYPES, Design(**SIZE)).auxiliary_loss(features, targets, None) is None


@pytest.mark.slow
def test_options_are_trained_and_restored() -> None:
    options: dict[str, Any] = {"gates": True, "sinks": True, "word_values": True, "local": 3}
    options |= {"further": 0.3, "experts": 3, "convolution": 2}
    model = fitted(Transformer(**SMALL, **options))
    weights = model.trained_network().state_dict()
    for part in ("gate", "sink", "convolutions", "ahead", "router"):  # the first three began at zero
        trained = [value for name, value in weights.items() if part in name]
        assert trained
        assert all(bool((value != 0).any()) for value in trained)
    again = Transformer(**SMALL, **options).restore(model.state())
    text = chain(3, 2, 40)
    np.testing.assert_array_equal(again.log_probs(text), model.log_probs(text))


def test_an_unusual_network_is_not_for_the_page() -> None:
    unusual: dict[str, Any] = {"experts": 2, "local": 3}
    for option in ("experts", "gates", "sinks", "word_values", "exclusive", "local"):
        design = Design(**SIZE, **{option: unusual.get(option, True)})
        with pytest.raises(LmcompareError, match="usual layers"):
            TransformerNetwork(TYPES, design).in_page()
    assert TransformerNetwork(TYPES, Design(**SIZE, further=0.5)).in_page()  # only its training is another
