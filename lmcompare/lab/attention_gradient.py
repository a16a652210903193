"""The gradient of the loss through one head of attention: by the chain rule, and as torch computes it.

Source: the chain rule through softmax(q · k / √d) (Vaswani et al. 2017, equation 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lmcompare.model import LanguageModel
from lmcompare.models.transformer.network import TransformerNetwork
from lmcompare.models.transformer.plugin import Transformer

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Steps:
    """Attention of one query over n tokens, and the gradient of the loss through it, step by step.

    Parameters
    ----------
    scores, weights : array of shape (n,)
        s_j = q · k_j / √d and a = softmax(s).
    output : array of shape (d,)
        o = Σ_j a_j v_j.
    chances : array of shape (W,)
        p = softmax(U o).
    loss : float
        -log p of the target, in nats.
    g : array of shape (d,)
        dL/do = Uᵀ (p - e), where e is 1 at the target.
    pulls : array of shape (n,)
        g · v_j = dL/da_j.
    mean : float
        Σ_k a_k (g · v_k).
    by_score : array of shape (n,)
        dL/ds_j = a_j (g · v_j - mean).
    by_query : array of shape (d,)
        dL/dq = Σ_j dL/ds_j k_j / √d.
    by_keys : array of shape (n, d)
        dL/dk_j = dL/ds_j q / √d.
    by_values : array of shape (n, d)
        dL/dv_j = a_j g.
    """

    scores: Array
    weights: Array
    output: Array
    chances: Array
    loss: float
    g: Array
    pulls: Array
    mean: float
    by_score: Array
    by_query: Array
    by_keys: Array
    by_values: Array


def by_hand(query: Array, keys: Array, values: Array, output: Array, target: int) -> Steps:
    """Return the gradient through one head of attention by the chain rule, in float64.

    Parameters
    ----------
    query : array of shape (d,)
    keys, values : array of shape (n, d)
    output : array of shape (W, d)
        U, the vectors of W words in the softmax.
    target : int
        The word to predict.
    """
    root = math.sqrt(len(query))
    scores = keys @ query / root
    weights = softmax(scores)
    mixed = weights @ values
    chances = softmax(output @ mixed)
    g = output.T @ (chances - np.eye(len(output))[target])
    pulls = values @ g
    mean = float(weights @ pulls)
    by_score = weights * (pulls - mean)
    return Steps(
        *(scores, weights, mixed, chances, -math.log(chances[target]), g, pulls, mean, by_score),
        by_query=by_score @ keys / root,
        by_keys=np.outer(by_score, query) / root,
        by_values=np.outer(weights, g),
    )


def by_autograd(query: Array, keys: Array, values: Array, output: Array, target: int) -> tuple[Array, ...]:
    """Return dL/ds (n,), dL/dq (d,), dL/dk (n, d) and dL/dv (n, d) as torch computes them, in float64."""
    q, k, v, u = (
        torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in (query, keys, values, output)
    )
    scores = k @ q / math.sqrt(len(query))
    scores.retain_grad()
    loss = -torch.log_softmax(u @ (torch.softmax(scores, 0) @ v), 0)[target]
    loss.backward()  # type: ignore[no-untyped-call]
    grads = [each.grad for each in (scores, q, k, v)]
    return tuple(grad.numpy() for grad in grads if grad is not None)


@dataclass(frozen=True)
class Learning:
    """How the scores of a trained network would change on one sentence.

    Parameters
    ----------
    words : tuple of str
        What was read.
    target : str
        The word to predict.
    heads : tuple of str
    by_score : array of shape (heads, n)
        dL/ds_j of the last position, by the formula.
    deviation : float
        The largest difference from what torch computes.
    """

    words: tuple[str, ...]
    target: str
    heads: tuple[str, ...]
    by_score: Array
    deviation: float


def learning(model: LanguageModel, sentence: Array, tokens: Sequence[str]) -> Learning:
    """Return dL/ds_j = a_j (g · v_j - Σ_k a_k g · v_k) in each head of a trained transformer, in float64.

    Parameters
    ----------
    model : LanguageModel
        A trained transformer.
    sentence : array of int, shape (n + 1,)
        The tokens that are read, and the one to predict.
    tokens : sequence of str
        The vocabulary.
    """
    assert isinstance(model, Transformer)
    network = model.trained_as(TransformerNetwork).double()
    read, target = network.inputs(sentence[:-1]), int(sentence[-1])
    features, _, maps = network.attend(read, None, maps=True)
    logits = features[0, -1] @ network.head.table[: network.head.types].T + network.head.bias
    loss = -torch.log_softmax(logits, 0)[target]
    wanted: list[Tensor] = [each.mixed for each in maps] + [each.scores for each in maps]
    found = [each.detach() for each in torch.autograd.grad(loss, wanted)]
    rows, deviation = [], 0.0
    for layer, each in enumerate(maps):
        g, truth = found[layer][0, :, -1], found[len(maps) + layer][0, :, -1]  # (heads, d / heads), (heads, n)
        weights, value = each.weights.detach()[0, :, -1], each.value.detach()[0]  # (heads, n), (heads, n, d / heads)
        pulls = (value @ g[..., None])[..., 0]  # (heads, n)
        own = weights * (pulls - (weights * pulls).sum(-1, keepdim=True))
        deviation = max(deviation, float((own - truth).abs().max()))
        rows += [row.numpy() for row in own]
    layers = range(1, len(maps) + 1)
    heads = tuple(f"layer {layer}, head {h + 1}" for layer in layers for h in range(network.design.heads))
    words = ("<s>", *(tokens[i] for i in sentence[:-1].tolist()))
    return Learning(words, tokens[target], heads, np.array(rows), deviation)


def softmax(scores: Array) -> Array:
    """Return e to the power of each score, divided by their sum."""
    raised = np.exp(scores - scores.max())
    found: Array = raised / raised.sum()
    return found
