"""Tests that the explorer's numbers are those from which the network computes, in every kind of transformer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from lmcompare.exhibits import Attention, draw, problem_with
from lmcompare.exhibits.attention import Head, packed, weights
from lmcompare.models.common.sentences import LONGEST
from lmcompare.models.transformer import exhibits
from lmcompare.models.transformer.exhibits import HeadReach, explorer
from lmcompare.models.transformer.network import Design, TransformerNetwork
from lmcompare.tokens import Encoded
from tests.training.texts import TYPES, VOCABULARY

IDS = np.array([2, 3, 4, 5, 6, 7, 8, 9, 1])
DESIGNS: dict[str, Any] = {
    "rotary": {},
    "alibi": {"positions": "alibi"},
    "relative": {"positions": "relative"},
    "learned": {"positions": "learned"},
    "norms": {"qk_norm": True},
    "llama": {"style": "llama"},
    "convolutions": {"convolution": 3},
    "no mask": {"causal": False, "positions": "relative"},
}


def network_of(design: str) -> TransformerNetwork:
    torch.manual_seed(0)
    settings: dict[str, Any] = {"width": 8, "heads": 2, "layers": 2, "window": 6, **DESIGNS[design]}
    network = TransformerNetwork(TYPES, Design(**settings)).eval()
    for parameter in network.parameters():  # nothing stays at the zero or one at which it begins
        torch.nn.init.normal_(parameter, 0.3, 0.5)
    return network


def drawn(network: TransformerNetwork, reach: HeadReach | None = None) -> Attention:
    text = Encoded.from_documents([IDS], VOCABULARY)
    return explorer(network, text, IDS, (1, 1, 4), reach or HeadReach())


@pytest.mark.parametrize("design", DESIGNS)
def test_its_numbers_recombine_to_the_networks_weights_and_outputs(
    design: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmcompare.exhibits.attention.rounded", lambda x: x)  # the page has fewer digits
    monkeypatch.setattr(exhibits, "rounded", lambda rows: tuple(map(tuple, rows.tolist())))
    network = network_of(design)
    exhibit = drawn(network)
    assert problem_with(exhibit) == ""
    maps = network.maps(IDS[:-1])
    heads = network.design.heads
    for n, said in enumerate(exhibit.heads):
        layer, head = divmod(n, heads)
        found = weights(exhibit, Head.of(exhibit, said).scores)
        np.testing.assert_allclose(found, maps[layer].weights[0, head], atol=1e-5)
        np.testing.assert_allclose(found @ np.array(said.values), maps[layer].mixed[0, head], atol=1e-5)
    assert exhibit.heads[exhibit.opens[0]].name == "layer 2, head 2"
    assert bool(exhibit.heads[0].bias) == (maps[0].bias is not None)
    assert bool(exhibit.heads[0].lengths) == network.design.qk_norm


def test_lengths_are_those_before_the_norm() -> None:
    network = network_of("norms")
    before: list[torch.Tensor] = []
    hook = network.get_submodule("blocks.0.attention.query").register_forward_hook(
        lambda _, __, made: before.append(made)
    )
    head = drawn(network).heads[1]
    hook.remove()
    np.testing.assert_allclose([q for q, _ in head.lengths], before[0][0, :, 4:].norm(dim=-1).detach(), rtol=1e-5)


@pytest.mark.parametrize("design", ["rotary", "llama", "convolutions"])
def test_what_it_adds_is_what_the_logits_lose_without_it(design: str) -> None:
    """Take the part of a head out of the last state, whose norm keeps its divisor: the logits lose its effect."""
    network = network_of(design)
    exhibit = drawn(network)
    attention = network.get_submodule("blocks.0.attention")
    output = network.get_parameter("blocks.0.attention.output.weight")
    states: list[torch.Tensor] = []
    outs: list[torch.Tensor] = []
    hooks = [
        network.last_norm.register_forward_pre_hook(lambda _, inputs: states.append(inputs[0][0])),
        attention.register_forward_hook(lambda _, __, made: outs.append(made[0][0])),
    ]
    with torch.no_grad():
        network.maps(IDS[:-1])
        whole = output.clone()
        output[:, :4] = 0  # head 1 of layer 1
        network.maps(IDS[:-1])
        output.copy_(whole)
    for hook in hooks:
        hook.remove()
    part, state = (outs[0] - outs[1]).numpy(), states[0].numpy()

    def normed(x: np.ndarray) -> np.ndarray:
        if design == "llama":
            same: np.ndarray = x / np.sqrt((state**2).mean(1, keepdims=True) + 1e-5)
            return same
        centred: np.ndarray = (x - x.mean(1, keepdims=True)) / np.sqrt(state.var(1, keepdims=True) + 1e-5)
        return centred

    lost = (normed(state) - normed(state - part)) * network.get_parameter("last_norm.weight").detach().numpy()
    logits = lost @ network.head.table[:TYPES].detach().numpy().T
    logits -= logits.mean(1, keepdims=True)
    for row, adds in zip(logits, exhibit.heads[0].adds, strict=True):
        assert adds[0][1] == pytest.approx(float(row.max()), abs=1e-3)
        assert adds[-1][1] == pytest.approx(float(row.min()), abs=1e-3)
        for word, amount in adds:
            assert amount == pytest.approx(float(row[VOCABULARY.tokens.index(word)]), abs=1e-3)
    assert "before the later layers" in exhibit.heads[0].effect
    assert "before the later layers" not in exhibit.heads[-1].effect


def test_heads_have_their_roles() -> None:
    share = ((0.1, 0.7, 0.1, 0.05, 0.05, 0.0),) * 2
    reach = HeadReach(7, (share, share), ((0.0, 0.8),) * 2, ((2.0, 2.0),) * 2)
    exhibit = drawn(network_of("rotary"), reach)
    assert [head.role for head in exhibit.heads] == ["the previous word 70%", "sentence boundaries 80%"] * 2
    assert "7 positions" in exhibit.note
    assert {head.role for head in drawn(network_of("rotary")).heads} == {""}


@pytest.mark.parametrize("layers", [2, 4])
def test_it_takes_little_of_a_page(layers: int) -> None:
    """Heads of 64 numbers, as by default, over the longest sentence."""
    torch.manual_seed(0)
    network = TransformerNetwork(TYPES, Design(width=256, heads=4, layers=layers, window=64)).eval()
    ids = np.resize(IDS, LONGEST)
    text = Encoded.from_documents([ids], VOCABULARY)
    exhibit = explorer(network, text, ids, (0, 1, 4), HeadReach())
    assert len(exhibit.heads) == 8
    assert len(str(draw(exhibit).html).encode()) < 150_000


def test_few_numbers_are_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of("rotary")
    monkeypatch.setattr(exhibits, "NUMBERS", 2 * 3 * len(IDS) * 4)  # of two heads
    exhibit = drawn(network)
    assert len(exhibit.heads) == 2
    assert "2 of 4 heads are shown" in exhibit.note
    stored = packed(np.array(exhibit.heads[0].queries))
    assert len(stored[0]) == 4 * math.ceil(2 * len(IDS) * 4 / 3)  # two bytes a number, four signs for three bytes
