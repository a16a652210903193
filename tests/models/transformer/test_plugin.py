"""Tests of the transformer: both implementations of attention, windows, position encodings and exhibits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from lmcompare.exhibits import Attention, WorkedEquation
from lmcompare.exhibits.attention import Head
from lmcompare.exhibits.attention import weights as weights_of
from lmcompare.models.common.layers import AddedConvolution
from lmcompare.models.transformer.network import (
    Block,
    Design,
    FeedForward,
    TransformerNetwork,
    View,
    attention,
    fused_attention,
)
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.models.transformer.positions import POSITIONS, Rotation, alibi_slopes
from lmcompare.tokens import Encoded
from tests.models.neural_cases import trained
from tests.training.texts import TYPES, VOCABULARY

DESIGNS: dict[str, dict[str, Any]] = {  # all that computes differently
    **{positions: {"positions": positions} for positions in POSITIONS},
    "llama": {"style": "llama"},
    "norms": {"qk_norm": True},
    "convolutions": {"convolution": 3},
}


def network_of(changes: dict[str, Any], **more: Any) -> TransformerNetwork:
    torch.manual_seed(0)
    design = Design(**{"width": 16, "heads": 2, "layers": 2, "window": 6, **changes, **more})
    network = TransformerNetwork(TYPES, design).eval()
    for name, parameter in network.named_parameters():
        if name == "distances" or "convolutions" in name:  # zero at first
            torch.nn.init.normal_(parameter)
    return network


@pytest.mark.parametrize("biased", [False, True])
def test_explicit_attention_equals_a_loop_and_the_fused_kernel(biased: bool) -> None:
    torch.manual_seed(0)
    query, key, value = torch.randn(2, 3, 5, 4), torch.randn(2, 3, 9, 4), torch.randn(2, 3, 9, 6)
    mask = torch.rand(2, 1, 5, 9) < 0.5
    mask[..., 0] = True
    bias = torch.randn(3, 5, 9) if biased else torch.zeros(3, 5, 9)
    view = View(mask, bias if biased else None)
    maps = attention(query, key, value, view)
    torch.testing.assert_close(maps.mixed, fused_attention(query, key, value, view), atol=1e-5, rtol=1e-5)
    for b, h, t in np.ndindex(2, 3, 5):
        scores = [
            float(query[b, h, t] @ key[b, h, s]) / 2.0 + float(bias[h, t, s])  # √4 = 2
            for s in range(9)
            if mask[b, 0, t, s]
        ]
        shares = np.exp(scores) / np.exp(scores).sum()
        seen = [value[b, h, s].numpy() for s in range(9) if mask[b, 0, t, s]]
        np.testing.assert_allclose(
            maps.mixed[b, h, t], sum(a * v for a, v in zip(shares, seen, strict=True)), atol=1e-5
        )


@pytest.mark.parametrize(
    ("design", "causal"),
    [*((name, True) for name in DESIGNS), *((name, False) for name in ("rotary", "alibi", "relative"))],
)
def test_both_implementations_give_the_same_network(design: str, causal: bool) -> None:
    network = network_of(DESIGNS[design], layers=3, window=5, causal=causal)
    memory = None
    for _ in range(3):  # the third piece sees a full memory
        inputs = torch.randint(0, TYPES, (2, 7))
        with torch.no_grad():
            fused, after, _ = network.attend(inputs, memory)
            plain, _, maps = network.attend(inputs, memory, maps=True)
        torch.testing.assert_close(fused, plain, atol=1e-5, rtol=1e-5)
        assert all(((m.weights > 0).sum(-1) <= (5 if causal else 9)).all() for m in maps)
        memory = after


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("pieces", [[3, 1, 1, 15], [6, 6, 8]])
def test_where_the_text_is_cut_does_not_matter(design: str, pieces: list[int]) -> None:
    network = network_of(DESIGNS[design])
    inputs = torch.randint(0, TYPES, (3, 20))
    memory, read, features = None, 0, []
    with torch.no_grad():
        for length in pieces:
            out, memory = network(inputs[:, read : read + length], memory)
            features.append(out)
            read += length
        # The reference: no memory, one mask over everything.
        whole = network(inputs, None)[0]
    torch.testing.assert_close(torch.cat(features, 1), whole, atol=1e-5, rtol=1e-5)


def test_the_window_has_the_stated_length() -> None:
    network = network_of({}, window=4)
    inputs = torch.randint(0, TYPES, (1, 30))
    other = inputs.clone()
    other[0, 10] = (other[0, 10] + 1) % TYPES
    with torch.no_grad():
        differs = (network(inputs, None)[0] - network(other, None)[0]).abs().amax(-1)[0] > 1e-7
    # two layers of a window of 4 carry input 10 to position 10 + 2 · 3 and no further
    assert differs.nonzero().squeeze(1).tolist() == list(range(10, 17))


def test_rotation_makes_products_depend_on_distance_alone() -> None:
    torch.manual_seed(0)
    q, k = torch.randn(1, 1, 1, 6), torch.randn(1, 1, 1, 6)

    def product(at: int, other: int) -> float:
        turned = [Rotation.of(torch.tensor([p]), 3).turn(x) for x, p in ((q, at), (k, other))]
        return float((turned[0] * turned[1]).sum())

    assert product(9, 4) == pytest.approx(product(25, 20), abs=1e-5)
    assert abs(product(9, 4) - product(9, 5)) > 1e-3
    assert product(7, 7) == pytest.approx(float((q * k).sum()), abs=1e-5)


def test_positions_matter_except_with_none() -> None:
    inputs, swapped = torch.tensor([[12, 2, 3, 4]]), torch.tensor([[12, 3, 2, 4]])
    for positions in POSITIONS:
        network = network_of({"positions": positions}, layers=1)
        with torch.no_grad():
            change = (network(inputs, None)[0] - network(swapped, None)[0])[0, -1].abs().max()
        # one layer without positions sees a bag; 0.02 is how small learned vectors begin
        assert (float(change) < 1e-6) == (positions == "none")


@pytest.mark.slow
@pytest.mark.parametrize("case", ["rotary", "alibi"])
def test_what_it_shows_is_what_it_computes(case: str) -> None:
    model = trained(case)
    assert isinstance(model, Transformer)
    ids = np.array([2, 3, 4, 5, 6])
    maps = model.trained_as(TransformerNetwork).maps(ids)
    assert [m.weights.shape for m in maps] == [(1, 2, 6, 6)] * 2
    for layer in maps:
        torch.testing.assert_close(layer.weights.sum(-1), torch.ones(1, 2, 6))
        assert not layer.weights.triu(1).any()
        assert (layer.bias is not None) == (case == "alibi")
        scores = layer.scores if layer.bias is None else layer.scores + layer.bias
        for i in range(6):  # the softmax of the scores of the positions up to its own
            torch.testing.assert_close(scores[0, :, i, : i + 1].softmax(-1), layer.weights[0, :, i, : i + 1])
    exhibits = list(model.exhibits(Encoded.from_documents([[2, 3, 4, 5, 6, 1]], VOCABULARY)))
    drawn = next(e for e in exhibits if isinstance(e, Attention))
    assert [head.name for head in drawn.heads] == [f"layer {n}, head {h}" for n in (1, 2) for h in (1, 2)]
    equation = next(e for e in exhibits if isinstance(e, WorkedEquation))
    greatest = torch.stack([m.weights[0, :, 5, :5].amax(-1) for m in maps])  # on a word other than the last one
    assert drawn.opens == (int(greatest.argmax()), 5)  # where the equation is worked
    head = drawn.heads[drawn.opens[0]]
    assert head.name in equation.note
    (weight,) = (v for label, v in equation.lines if label.startswith("a:"))
    assert weight == pytest.approx(weights_of(drawn, Head.of(drawn, head).scores)[5].max(), abs=1e-3)
    assert ("b_{ij}" in equation.equation) == (case == "alibi")
    assert any(label.startswith("b,") for label, _ in equation.lines) == (case == "alibi")


@pytest.mark.slow
def test_the_head_of_the_equation_is_among_those_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmcompare.models.transformer.exhibits.HEADS", 2)
    model = trained("rotary")
    assert isinstance(model, Transformer)
    exhibits = list(model.exhibits(Encoded.from_documents([[2, 3, 4, 5, 6, 1]], VOCABULARY)))
    drawn = next(e for e in exhibits if isinstance(e, Attention))
    assert len(drawn.heads) == 2
    equation = next(e for e in exhibits if isinstance(e, WorkedEquation))
    assert drawn.heads[drawn.opens[0]].name in equation.note


@pytest.mark.slow
def test_the_equation_says_that_words_before_were_added() -> None:
    for case in ("rotary", "convolutions"):
        shown = trained(case).exhibits(Encoded.from_documents([[2, 3, 4, 5, 6, 1]], VOCABULARY))
        equation = next(e for e in shown if isinstance(e, WorkedEquation))
        assert ("3 places back" in equation.saying) == (case == "convolutions")


def test_convolutions_are_an_idea_of_their_own() -> None:
    plain, convolved, llama = Transformer(), Transformer(convolution=3), Transformer(convolution=3, style="llama")
    assert [each.idea.year for each in (plain, convolved, llama)] == [2017, 2025, 2025]
    assert [each.title() for each in (plain, convolved)] == ["Transformer", "Transformer with convolutions"]
    assert ["Allen-Zhu" in each.summary() for each in (plain, convolved, llama)] == [False, True, True]
    assert "Llama" in llama.summary()


def test_slopes_are_those_of_the_paper() -> None:
    np.testing.assert_allclose(alibi_slopes(8), [2.0**-k for k in range(1, 9)])
    np.testing.assert_allclose(alibi_slopes(2), [2.0**-4, 2.0**-8])
    np.testing.assert_allclose(alibi_slopes(1), [2.0**-8])
    # four heads of 4, and two of those that only 8 have
    np.testing.assert_allclose(alibi_slopes(6), [2.0**-2, 2.0**-4, 2.0**-6, 2.0**-8, 2.0**-1, 2.0**-3])


def test_a_relative_bias_is_one_number_for_each_distance() -> None:
    network = network_of({"positions": "relative"}, window=4)
    assert network.distances is not None
    with torch.no_grad():
        network.distances.copy_(torch.arange(8.0))  # heads 0 and 1, distances 0 to 3
    bias = network.view(3, None, torch.zeros(1, dtype=torch.int64)).bias
    assert bias is not None
    assert bias[0, 2].tolist() == [2.0, 1.0, 0.0]
    assert bias[1, 2].tolist() == [6.0, 5.0, 4.0]


def test_normalised_queries_and_keys_do_not_grow_with_their_projections() -> None:
    inputs = torch.randint(0, TYPES, (2, 6))
    for qk_norm in (True, False):
        network = network_of({"qk_norm": qk_norm}, layers=1)
        with torch.no_grad():
            before = network(inputs, None)[0]
            for projection in ("query", "key"):
                network.get_parameter(f"blocks.0.attention.{projection}.weight").mul_(100.0)
            changed = (network(inputs, None)[0] - before).abs().max()
        assert (float(changed) < 1e-3) == qk_norm


def test_feed_forward_nets_are_those_of_their_equations() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 12)
    for style in ("gpt", "llama"):
        net = FeedForward(Design(width=12, heads=1, layers=1, window=1, style=style))
        h = x @ net.up.weight.T
        if style == "llama":
            a, b = h[:, :32], h[:, 32:]
            h = a / (1 + (-a).exp()) * b
            assert net.up.bias is None
            assert net.down.bias is None
        else:
            h = h + net.up.bias
            h = 0.5 * h * (1 + torch.erf(h / 2**0.5))
        wanted = h @ net.down.weight.T
        torch.testing.assert_close(net(x), wanted if style == "llama" else wanted + net.down.bias)
        assert sum(p.numel() for p in net.parameters()) == pytest.approx(2 * 4 * 12 * 12, rel=0.1)


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
    layer = Block(Design(width=16, heads=2, layers=1, window=6, convolution=3)).eval()
    assert layer.convolutions is not None
    for convolution in layer.convolutions:
        torch.nn.init.normal_(convolution.get_parameter("weight"))
    x, near = torch.randn(2, 7, 16), torch.randn(2, 2, 3, 16)
    before = near.clone()
    with torch.no_grad():
        nothing = torch.zeros(2, 2, 0, 8)  # no position is remembered
        past = {"keys": nothing, "values": nothing, "near": near}
        once, twice = (layer(x, past, View(torch.ones(7, 7, dtype=torch.bool).tril())) for _ in range(2))
        read = layer.before_attention(x)
    assert torch.equal(near, before)
    assert torch.equal(once[0], twice[0])
    torch.testing.assert_close(once[1]["near"][:, 0], read[:, -3:])  # the last that the first convolution has read
