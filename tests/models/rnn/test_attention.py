"""Tests of the recurrent language model with attention, against the equations computed position by position."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lmcompare.exhibits import Attention, WorkedEquation
from lmcompare.models.rnn.attention import (
    SCORES,
    AttentiveRnnNetwork,
    RnnAttention,
    WindowAttention,
    band_of,
    banded,
)
from lmcompare.models.rnn.attention_exhibits import attention_at
from lmcompare.tokens import Encoded
from tests.models.neural_cases import trained
from tests.models.rnn.maps import attention_weights
from tests.training.texts import VOCABULARY

Pair = tuple[list[torch.Tensor], list[torch.Tensor]]


def score(attention: WindowAttention, state: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return e_ij of two states (H,), as the equations give it."""
    if attention.kind == "additive":
        W, b, U, v = attention.W.weight, attention.W.bias, attention.U.weight, attention.v
        return v @ torch.tanh(W @ state + b + U @ other)
    if attention.kind == "multiplicative":
        W, U = attention.W.weight, attention.U.weight
        product: torch.Tensor = (W @ state) @ (U @ other) / len(W) ** 0.5
        return product
    return torch.zeros(())


def by_hand(attention: WindowAttention, states: torch.Tensor, past: torch.Tensor, filled: int) -> Pair:
    """Position by position, j the ``window`` states before i."""
    known = [*past[len(past) - filled :], *states]
    contexts, weights = [], []
    for i in range(filled, len(known)):
        seen = known[max(0, i - attention.window) : i]
        if not seen:
            contexts.append(torch.zeros_like(states[0]))
            weights.append(torch.zeros(attention.window))
            continue
        e = torch.stack([score(attention, known[i], s) for s in seen])
        a = torch.exp(e) / torch.exp(e).sum()
        contexts.append(sum(w * s for w, s in zip(a, seen, strict=True)))
        weights.append(torch.cat([torch.zeros(attention.window - len(seen)), a]))
    return contexts, weights


@pytest.mark.parametrize("kind", SCORES)
@pytest.mark.parametrize(("length", "window"), [(9, 4), (1, 4), (3, 8), (6, 1)])
def test_attention_equals_the_equation_position_by_position(kind: str, length: int, window: int) -> None:
    torch.manual_seed(1)
    attention = WindowAttention(kind, hidden=5, width=3, window=window)
    states, past = torch.randn(3, length, 5), torch.randn(3, window, 5)
    filled = torch.tensor([0, min(2, window), window])
    contexts, weights = attention(states, past, filled)
    for row in range(3):
        expected = by_hand(attention, states[row], past[row], int(filled[row]))
        torch.testing.assert_close(contexts[row], torch.stack(expected[0]), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(weights[row], torch.stack(expected[1]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["additive", "multiplicative"])
def test_the_gradient_of_the_scores_is_that_of_the_equation(kind: str) -> None:
    torch.manual_seed(2)
    attention = WindowAttention(kind, hidden=4, width=3, window=3).double()
    states = torch.randn(2, 4, 4, dtype=torch.double, requires_grad=True)
    past = torch.randn(2, 3, 4, dtype=torch.double)
    filled = torch.tensor([1, 3])
    assert torch.autograd.gradcheck(lambda s, *_: attention(s, past, filled)[0], (states, *attention.parameters()))
    plain = torch.cat(
        [torch.stack(by_hand(attention, states[r], past[r], int(filled[r]))[0])[None] for r in range(2)]
    )
    grads = [
        torch.autograd.grad(out.square().sum(), [states, *attention.parameters()])
        for out in (attention(states, past, filled)[0], plain)
    ]
    for mine, expected in zip(*grads, strict=True):
        torch.testing.assert_close(mine, expected)


def test_a_band_becomes_a_matrix() -> None:
    band = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
    expected = torch.tensor([[[1.0, 2.0, 0.0, 0.0], [0.0, 3.0, 4.0, 0.0], [0.0, 0.0, 5.0, 6.0]]])
    torch.testing.assert_close(banded(band), expected)
    torch.testing.assert_close(band_of(expected, 2), band)
    torch.testing.assert_close(
        band_of(torch.arange(12.0).view(1, 3, 4), 2), torch.tensor([[[0.0, 1], [5, 6], [10, 11]]])
    )


@pytest.mark.parametrize("scores", SCORES)
def test_attention_at_a_position_is_that_over_all(scores: str) -> None:
    torch.manual_seed(3)
    network = RnnAttention(cell="gru", width=6, hidden=6, scores=scores, attention=4, window=3).network(8).eval()
    ids = np.array([2, 3, 4, 5, 6])
    weights = attention_weights(network, ids)
    found = attention_at(network, ids)
    np.testing.assert_allclose(found.weights, weights[5, 2:5], atol=1e-6)
    np.testing.assert_allclose(np.exp(found.scores) / np.exp(found.scores).sum(), found.weights, atol=1e-6)
    assert np.ptp(found.weights) < 1e-6 if scores == "even" else np.ptp(found.weights) > 1e-4


def test_what_it_shows_is_what_it_computes() -> None:
    model = trained("gru")
    assert isinstance(model, RnnAttention)
    ids = np.array([2, 3, 4, 5, 6])
    network = model.trained_as(AttentiveRnnNetwork)
    weights = attention_weights(network, ids)
    assert weights.shape == (6, 6)
    np.testing.assert_allclose(weights.sum(1), [0, 1, 1, 1, 1, 1], atol=1e-6)
    assert not np.triu(weights).any()
    exhibits = list(model.exhibits(Encoded.from_documents([[2, 3, 4, 5, 6, 1]], VOCABULARY)))
    drawn = next(e for e in exhibits if isinstance(e, Attention))
    assert drawn.words == ("<s>", "a", "b", "c", "d", "e")
    assert drawn.seen == tuple((0, i) for i in range(6))
    equation = next(e for e in exhibits if isinstance(e, WorkedEquation))
    assert drawn.opens == (0, 5)  # where the equation is worked
    (weight,) = (value for label, value in equation.lines if label.startswith("a:"))
    assert weight == pytest.approx(float(weights[5].max()))


@pytest.mark.parametrize("case", ["gru", "lstm", "multiplicative"])
def test_the_explorer_has_the_numbers_from_which_the_network_computes(case: str) -> None:
    """From queries, keys and values come the network's weights; from the mean, what it changes in the logits."""
    model = trained(case)
    assert isinstance(model, RnnAttention)
    network = model.trained_network()
    assert isinstance(network, AttentiveRnnNetwork)
    ids = np.array([2, 3, 4, 5, 6, 7, 8])
    drawn = next(
        e for e in model.exhibits(Encoded.from_documents([[*ids, 1]], VOCABULARY)) if isinstance(e, Attention)
    )
    (head,) = drawn.heads
    queries, keys, values = (np.array(x) for x in (head.queries, head.keys, head.values))
    wanted = attention_weights(network, ids)
    assert len(drawn.words) == len(wanted)
    for i, (first, end) in enumerate(drawn.seen):
        assert end - first == min(i, model.window)
        if end > first:
            sums = np.tanh(queries[i] + keys[first:end]) @ np.array(drawn.weigh) if drawn.weigh else None
            scores = drawn.scale * (keys[first:end] @ queries[i] if sums is None else sums)
            shares = np.exp(scores) / np.exp(scores).sum()
            np.testing.assert_allclose(shares, wanted[i, first:end], atol=1e-5)
    found = attention_at(network, ids)
    with torch.no_grad():
        state = torch.tensor(values[-1], dtype=torch.float32)
        context = torch.tensor(found.context)
        both = [network.features(torch.cat([state, c])[None, None])[0] for c in (context, 0 * context)]
        change = ((both[0] - both[1]) @ network.head.table[:-1].T)[0]
    change = change - change.mean()
    for word, amount in head.adds[-1]:
        assert amount == pytest.approx(float(change[VOCABULARY.tokens.index(word)]), abs=1e-3)
    assert head.adds[-1][0][1] == pytest.approx(float(change.max()), abs=1e-3)
