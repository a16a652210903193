"""Quantised weights against arithmetic by hand, real packing, and networks whose loss by rounding is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.utils.parametrize import is_parametrized

from lmcompare.errors import LmcompareError
from lmcompare.lab.quantisation import (
    FULL,
    SCALE_BYTES,
    TERNARY,
    QuantisedTransformer,
    affine,
    matrices,
    network_bytes,
    packed_bytes,
    quantised,
    round_weights,
    straight_through,
    ternary,
)
from lmcompare.models.transformer.network import TransformerNetwork
from lmcompare.models.transformer.plugin import Transformer
from tests.lab.test_changes import DOCUMENT, SMALL, document, last
from tests.training.texts import fitted

pytestmark = pytest.mark.slow


def test_absmean_by_hand() -> None:
    values, gamma = ternary(torch.tensor([[0.1, -0.6], [1.0, 0.3]]))  # 2.0 / 4
    assert float(gamma) == pytest.approx(0.5)
    assert values.tolist() == [[0.0, -1.0], [1.0, 1.0]]  # of 0.2, -1.2, 2.0 and 0.6
    assert quantised(torch.tensor([[0.1, -0.6], [1.0, 0.3]]), TERNARY).tolist() == [[0.0, -0.5], [0.5, 0.5]]


def test_two_bits_by_hand() -> None:
    rounded = affine(torch.tensor([[0.0, 0.9, 2.2, 3.0], [-1.0, 0.2, -0.9, 1.0]]), 2)
    assert rounded[0].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert rounded[1].tolist() == pytest.approx([-1.0, 1 / 3, -1.0, 1.0])


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_a_weight_becomes_the_nearest_of_the_values(bits: int) -> None:
    weights = torch.randn(7, 300, generator=torch.Generator().manual_seed(bits))
    rounded = affine(weights, bits)
    step = (weights.amax(1) - weights.amin(1)) / (2**bits - 1)
    assert ((rounded - weights).abs() <= step[:, None] / 2 + 1e-6).all()
    assert max(len(row.unique()) for row in rounded) <= 2**bits


def test_equal_and_zero_weights_stay_as_they_are() -> None:
    same = torch.tensor([[0.0, 0.0], [2.0, 2.0]])
    assert affine(same, 2).tolist() == same.tolist()
    assert quantised(torch.zeros(2, 2), TERNARY).tolist() == torch.zeros(2, 2).tolist()


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (7, 13), (3, 5)])
def test_bytes_are_those_of_packed_weights(rows: int, columns: int) -> None:
    codes = np.random.default_rng(0).integers(0, 8, rows * columns)
    three = np.packbits((codes[:, None] >> np.arange(3)) & 1).nbytes
    assert packed_bytes(rows, columns, 3) == three + 2 * rows * SCALE_BYTES
    trits = np.resize(codes % 3, -(-len(codes) // 5) * 5).reshape(-1, 5)
    packed = (trits @ 3 ** np.arange(5)).astype(np.uint8)
    assert ((packed[:, None] // 3 ** np.arange(5)) % 3 == trits).all()  # nothing is lost
    assert packed_bytes(rows, columns, TERNARY) == packed.nbytes + SCALE_BYTES


def test_the_gradient_goes_straight_through() -> None:
    weights = torch.tensor([[0.2, -3.0]], requires_grad=True)
    value = (straight_through(weights, torch.tensor([[0.0, -1.0]])) * torch.tensor([[5.0, 7.0]])).sum()
    torch.autograd.backward(value)
    assert weights.grad is not None
    assert weights.grad.tolist() == [[5.0, 7.0]]


def test_rounding_spares_what_it_shall_spare_and_costs_nothing_where_weights_are_ternary() -> None:
    model = fitted(Transformer(**SMALL))
    network = model.trained_as(TransformerNetwork)
    with torch.no_grad():
        for module, name in matrices(network):
            getattr(module, name).copy_(0.1 * torch.randn_like(getattr(module, name)).sign())
    before, table = model.log_probs(document(*DOCUMENT)), network.head.table.clone()
    round_weights(network, TERNARY)  # all of its weights are -0.1 or 0.1
    assert model.log_probs(document(*DOCUMENT)) == pytest.approx(before, abs=1e-5)
    with torch.no_grad():
        for module, name in matrices(network):
            getattr(module, name).normal_()
    table = network.head.table.clone()
    round_weights(network, 2, spared=network.head)
    assert torch.equal(network.head.table, table)
    assert len(np.unique(network.get_parameter("blocks.0.feed_forward.up.weight").detach()[0])) <= 4
    whole = sum(4 * each.numel() for each in network.parameters())
    assert network_bytes(network, FULL) == whole
    assert network_bytes(network, TERNARY) < network_bytes(network, 2) < network_bytes(network, 8) < whole / 2


def test_a_quantised_transformer_computes_with_rounded_weights_and_trains_the_others() -> None:
    model = fitted(QuantisedTransformer(**SMALL))
    network = model.trained_network()
    latent = network.get_parameter("head.parametrizations.table.original").detach()
    assert len(np.unique(network.head.table.detach())) == 3
    assert len(np.unique(latent)) > 100
    plain = Transformer(**SMALL).restore(fitted(Transformer(**SMALL)).state())
    with torch.no_grad():
        for (module, name), (source, same) in zip(
            matrices(plain.trained_network()),
            [(m, n) for m in network.modules() for n in ("table", "weight") if is_parametrized(m, n)],
            strict=True,
        ):  # fmt: skip
            getattr(module, name).copy_(getattr(source, same))
        others = dict(network.named_parameters())
        for name, parameter in plain.trained_network().named_parameters():
            if name in others:
                parameter.copy_(others[name])
    text = document(*DOCUMENT * 3)
    assert plain.log_probs(text) == pytest.approx(model.log_probs(text), abs=1e-5)
    assert model.size().bytes < plain.size().bytes / 4
    stepwise = [last(model, *text.ids[:t])[text.ids[t]] for t in range(len(text))]
    assert model.log_probs(text) == pytest.approx(np.array(stepwise), abs=2e-5)
    restored = QuantisedTransformer(**SMALL).restore(model.state())
    assert restored.log_probs(text) == pytest.approx(model.log_probs(text), abs=1e-6)
    with pytest.raises(LmcompareError, match="bits"):
        QuantisedTransformer(**SMALL, bits=5)
