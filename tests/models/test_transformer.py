from __future__ import annotations

import numpy as np
import pytest
import torch

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Heatmap, WorkedEquation
from lmcompare.models.self_attention import POSITIONS, TransformerNetwork, _rotate, written_out
from lmcompare.models.transformer import Transformer
from lmcompare.tokens import Encoded
from tests.models.neural_cases import trained
from tests.training.texts import ENTROPY, TYPES, VOCABULARY, chain, fitted


def test_written_out_equals_a_loop_and_the_fused_kernel() -> None:
    torch.manual_seed(0)
    query, key, value = torch.randn(2, 3, 5, 4), torch.randn(2, 3, 9, 4), torch.randn(2, 3, 9, 6)
    mask = torch.rand(2, 1, 5, 9) < 0.5
    mask[..., 0] = True
    maps = written_out(query, key, value, mask)
    fused = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    torch.testing.assert_close(maps.mixed, fused, atol=1e-5, rtol=1e-5)
    for b, h, t in np.ndindex(2, 3, 5):
        scores = [float(query[b, h, t] @ key[b, h, s]) / 2.0 for s in range(9) if mask[b, 0, t, s]]  # √4 = 2
        shares = np.exp(scores) / np.exp(scores).sum()
        seen = [value[b, h, s].numpy() for s in range(9) if mask[b, 0, t, s]]
        np.testing.assert_allclose(
            maps.mixed[b, h, t], sum(a * v for a, v in zip(shares, seen, strict=True)), atol=1e-5
        )


@pytest.mark.parametrize("positions", POSITIONS)
def test_the_network_is_the_same_by_either_path(positions: str) -> None:
    torch.manual_seed(0)
    network = TransformerNetwork(TYPES, 16, 2, 3, window=5, positions=positions, dropout=0.0).eval()
    memory = None
    for _ in range(3):  # the third piece sees a full memory
        inputs = torch.randint(0, TYPES, (2, 7))
        with torch.no_grad():
            fused, after, _ = network.attend(inputs, memory)
            plain, _, maps = network.attend(inputs, memory, maps=True)
        torch.testing.assert_close(fused, plain, atol=1e-5, rtol=1e-5)
        assert all(((m.weights > 0).sum(-1) <= 5).all() for m in maps)
        memory = after


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("pieces", [[20], [1] * 20, [3, 17], [9, 1, 10], [6, 6, 8]])
def test_where_the_text_is_cut_does_not_matter(positions: str, pieces: list[int]) -> None:
    torch.manual_seed(0)
    network = TransformerNetwork(TYPES, 8, 2, 2, window=6, positions=positions, dropout=0.0).eval()
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


def test_the_window_is_as_long_as_said() -> None:
    torch.manual_seed(0)
    network = TransformerNetwork(TYPES, 8, 2, layers=2, window=4, positions="rotary", dropout=0.0).eval()
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
    speed = 10000.0 ** (-torch.arange(3) / 3)

    def product(at: int, other: int) -> float:
        turned = [_rotate(x, (p * speed).cos()[None], (p * speed).sin()[None]) for x, p in ((q, at), (k, other))]
        return float((turned[0] * turned[1]).sum())

    assert product(9, 4) == pytest.approx(product(25, 20), abs=1e-5)
    assert abs(product(9, 4) - product(9, 5)) > 1e-3
    assert product(7, 7) == pytest.approx(float((q * k).sum()), abs=1e-5)


def test_positions_matter_except_without_them() -> None:
    torch.manual_seed(0)
    inputs, swapped = torch.tensor([[12, 2, 3, 4]]), torch.tensor([[12, 3, 2, 4]])
    for positions in POSITIONS:
        network = TransformerNetwork(TYPES, 8, 2, layers=1, window=6, positions=positions, dropout=0.0).eval()
        with torch.no_grad():
            change = (network(inputs, None)[0] - network(swapped, None)[0])[0, -1].abs().max()
        # one layer without positions sees a bag; 0.02 is how small learned vectors begin
        assert (float(change) < 1e-6) == (positions == "none")


def test_it_learns_a_chain() -> None:
    model = Transformer(
        width=16,
        heads=2,
        layers=1,
        window=8,
        dropout=0.0,
        steps=200,
        batch=8,
        length=32,
        learning_rate=1e-2,
        weight_decay=0.1,
    )
    fitted(model, chain(1, 20, 200))
    assert ENTROPY - 0.02 < -model.log_probs(chain(9, 5, 200)).mean() < ENTROPY + 0.05


def test_what_it_shows_is_what_it_computes() -> None:
    model = trained("rotary")
    assert isinstance(model, Transformer)
    ids = np.array([2, 3, 4, 5, 6])
    maps = model.attention_maps(ids)
    assert [m.shape for m in maps] == [(2, 6, 6)] * 2
    for layer in maps:
        np.testing.assert_allclose(layer.sum(-1), 1.0, atol=1e-6)
        assert not np.triu(layer, 1).any()
    layer, head, products, weights, mixed = model.attention_at(ids)
    np.testing.assert_allclose(weights, maps[layer][head, 5], atol=1e-6)
    shares = np.exp(products / 2.0)  # √(8 / 2) = 2
    np.testing.assert_allclose(shares / shares.sum(), weights, atol=1e-5)
    assert mixed.shape == (4,)
    exhibits = list(model.exhibits(Encoded.from_documents([[2, 3, 4, 5, 6, 1]], VOCABULARY)))
    drawn = next(e for e in exhibits if isinstance(e, Heatmap))
    assert drawn.panels == ("layer 1, head 1", "layer 1, head 2", "layer 2, head 1", "layer 2, head 2")
    assert drawn.values[3][5][1] == pytest.approx(float(maps[1][1, 5, 1]))
    assert drawn.values[0][0][1] is None
    equation = next(e for e in exhibits if isinstance(e, WorkedEquation))
    assert sum(v for label, v in equation.lines if label.startswith("a:")) == pytest.approx(1.0, abs=1e-5)


def test_impossible_shapes_are_refused() -> None:
    with pytest.raises(LmcompareError, match="rotary"):
        Transformer(positions="rotatory")
    with pytest.raises(LmcompareError, match="heads"):
        Transformer(width=10, heads=4)
