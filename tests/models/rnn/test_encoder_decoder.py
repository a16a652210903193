"""Tests of the encoder-decoder, against the equations computed word by word, and of what each word sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lmcompare.exhibits import Heatmap, WorkedEquation
from lmcompare.models.rnn.encoder_decoder import EncoderDecoderNetwork, RnnEncoderDecoder
from lmcompare.tokens import Encoded
from tests.models.neural_cases import trained
from tests.training.texts import TYPES, VOCABULARY

pytestmark = pytest.mark.slow


def network(cell: str = "lstm", *, window: int, chunk: int, stride: int) -> EncoderDecoderNetwork:
    torch.manual_seed(0)
    model = RnnEncoderDecoder(cell=cell, width=8, hidden=6, attention=3, window=window, chunk=chunk, stride=stride)
    return model.network(TYPES).eval()


def by_hand(net: EncoderDecoderNetwork, inputs: Tensor, u: int) -> Tensor:
    """The features after input u: one window, one chunk, one step of the decoder at a time."""
    first = max(0, (u // net.stride + 1) * net.stride - net.chunk)
    window = [first - back for back in reversed(range(net.window))]
    read = torch.stack([net.head.table[inputs[j]] if j >= 0 else torch.zeros(8) for j in window])
    encoded = net.encoder(read[None])[0][0]
    state = torch.tanh(net.bridge(encoded[-1]))
    cell = torch.zeros_like(state)
    step = (nn.LSTMCell if net.is_lstm else nn.GRUCell)(8, 6)
    step.load_state_dict({name[:-3]: value for name, value in net.decoder.state_dict().items()})
    for word in inputs[first : u + 1]:
        x = net.head.table[word][None]
        if net.is_lstm:
            (state,), (cell,) = step(x, (state[None], cell[None]))
        else:
            (state,) = step(x, state[None])
    seen = [h for h, j in zip(encoded, window, strict=True) if j >= 0]
    e = torch.stack([net.v @ torch.tanh(net.W(state) + net.U(h)) for h in seen])
    a = torch.exp(e) / torch.exp(e).sum()
    context = sum((w * h for w, h in zip(a, seen, strict=True)), torch.zeros(6))
    return torch.tanh(net.output(torch.cat([state, context])))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize(
    ("window", "chunk", "stride"), [(5, 4, 4), (3, 7, 3), (9, 5, 1), (1, 1, 1), (2, 30, 30), (4, 6, 4)]
)
def test_it_equals_the_equation_word_by_word(cell: str, window: int, chunk: int, stride: int) -> None:
    net = network(cell, window=window, chunk=chunk, stride=stride)
    inputs = torch.randint(0, TYPES, (23,))
    inputs[0] = TYPES
    with torch.no_grad():
        found = net(inputs[None], None)[0][0]
        expected = torch.stack([by_hand(net, inputs, u) for u in range(len(inputs))])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_rows_at_different_positions_of_their_chunks() -> None:
    net = network(window=5, chunk=4, stride=4)
    inputs = torch.randint(0, TYPES, (3, 21))
    with torch.no_grad():
        whole, _ = net(inputs, None)
        memories = [net(inputs[row : row + 1, : 5 + 2 * row], None)[1] for row in range(3)]
        memory = {name: torch.cat([m[name] for m in memories]) for name in memories[0]}
        rest = torch.stack([inputs[row, 5 + 2 * row : 17 + 2 * row] for row in range(3)])
        found, _ = net(rest, memory)
    for row in range(3):
        torch.testing.assert_close(found[row], whole[row, 5 + 2 * row : 17 + 2 * row])


@pytest.mark.parametrize("chunk", [7, 20])
def test_rows_with_more_and_with_fewer_chunks_have_gradients(chunk: int) -> None:
    net = network(window=3, chunk=chunk, stride=chunk).train()
    inputs = torch.randint(0, TYPES, (2, 12))
    nothing, after = net._nothing_read(inputs[:1]), net(inputs[1:], None)[1]
    features, _ = net(inputs, {name: torch.cat([nothing[name], after[name]]) for name in nothing})
    features.sum().backward()
    assert all(bool(p.grad.to_dense().isfinite().all()) for p in net.parameters() if p.grad is not None)


@pytest.mark.parametrize(("window", "chunk", "stride"), [(3, 4, 4), (2, 6, 2)])
def test_a_word_sees_exactly_the_documented_words(window: int, chunk: int, stride: int) -> None:
    net = network(window=window, chunk=chunk, stride=stride)
    inputs = torch.randint(0, TYPES, (20,))
    with torch.no_grad():
        before = net(inputs[None], None)[0][0]
        for changed in range(20):
            other = inputs.clone()
            other[changed] = (other[changed] + 1) % TYPES
            differs = (net(other[None], None)[0][0] != before).any(1)
            for u in range(20):
                first = max(0, (u // stride + 1) * stride - chunk)
                assert bool(differs[u]) == (first - window < changed <= u), (changed, u)


def test_what_it_shows_is_what_it_computes() -> None:
    model = trained("encoder-decoder")
    assert isinstance(model, RnnEncoderDecoder)
    ids = np.array([2, 3, 4, 5, 6, 7, 8])  # inputs 0 … 7; the second chunk begins with input 5
    found = model.trained_as(EncoderDecoderNetwork).alignment(ids)
    assert found.first == 5
    assert found.weights.shape == (3, 7)
    np.testing.assert_allclose(found.weights.sum(1), 1.0, atol=1e-6)
    assert not found.weights[:, 0].any()  # the window is one longer than the six inputs up to 5
    shares = np.exp(found.scores[:, 1:])
    np.testing.assert_allclose(shares / shares.sum(1, keepdims=True), found.weights[:, 1:], atol=1e-6)
    text = Encoded.from_documents([[2, 3, 4, 5, 6, 1], [7, 8, 9, 10, 1]], VOCABULARY)
    exhibits = list(model.exhibits(text))
    drawn = next(e for e in exhibits if isinstance(e, Heatmap))
    assert drawn.rows == ("e", "</s>", "f", "g", "h")
    assert drawn.columns == ("<s>", "a", "b", "c", "d", "e")
    equation = next(e for e in exhibits if isinstance(e, WorkedEquation))
    shown = [v for label, v in equation.lines if label.startswith(("a:", "all other"))]
    assert sum(shown) == pytest.approx(1.0, abs=1e-5)
