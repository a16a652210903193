"""Gates: the weights of a mixture as a softmax of the evidence, fitted on held-out text.

The evidence for a model is how often train saw the context it looked at, at each length: ln(1 + count). A gate gives
every model a score that is linear in all evidence, and the softmax of the scores are the weights. They depend on the
context alone, so the mixture of distributions is a distribution.

A *part* is a mixture of chains. A *member* is one part, or a part that predicts the class of the word and one that
predicts the word in its class, which are multiplied. The members are mixed by a gate of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.models.common.threads import one_thread

Float32Array = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.floating[Any]]

BATCH = 2048  # tokens a step
EPOCHS = 14
STEPS = 300  # at least, where the text is short
RATE = 0.02  # Adam's
LEAST_DEVIATION = 0.1  # of evidence: what hardly ever differs from its mean would throw the fit off
PENALTY = 20.0  # nats, over all held-out text, for a squared weight of 1: ties the gates where there is little text


@dataclass(frozen=True, eq=False)
class Gate:
    """``weights``: (F, M) and ``bias``: (M,), float32: scores from evidence (F, B)."""

    weights: Float32Array
    bias: Float32Array

    def shares(self, evidence: FloatArray) -> FloatArray:
        """(M, B) float64: the weight of each of M models at B positions, from the evidence (F, B)."""
        scores = self.weights.T.astype(np.float64) @ evidence + self.bias[:, None]
        scores -= scores.max(0)
        scores = np.exp(scores)
        shares: FloatArray = scores / scores.sum(0)
        return shares


@dataclass(frozen=True, eq=False)
class Seen:
    """What a gate mixes over N held-out tokens: ``probabilities`` (M, N), and the ``evidence`` (F, N) for it."""

    probabilities: Float32Array
    evidence: Float32Array


def even(models: int, evidence: int) -> Gate:
    """Return the gate that gives every model the same weight, whatever the evidence."""
    return Gate(np.zeros((evidence, models), np.float32), np.zeros(models, np.float32))


@one_thread()
def fit(members: Sequence[Sequence[Seen]], evidence: Float32Array, seed: int) -> tuple[list[Gate], Gate]:
    """Return the gates of all parts, member by member, and the gate of the members.

    Parameters: ``members``, the parts of each; ``evidence``, (F, N), for the gate of the members; ``seed``, for the
    order in which the N tokens are read.

    All gates are fitted together, by Adam on the log-likelihood of the mixture.
    """
    import torch

    inputs = [_Standardised(e) for e in [*(p.evidence for m in members for p in m), evidence]]
    parts = [torch.tensor(np.ascontiguousarray(p.probabilities.T)) for m in members for p in m]
    widths = [*(p.shape[1] for p in parts), len(members)]
    n = evidence.shape[1]
    free = [
        t.requires_grad_()
        for i, width in zip(inputs, widths, strict=True)
        for t in (torch.zeros(i.values.shape[1], width), torch.zeros(width))
    ]
    batches = max(1, n // BATCH)
    epochs = max(EPOCHS, -(-STEPS // batches))
    optimiser = torch.optim.Adam(free, lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * batches)
    order = np.random.default_rng(seed)
    for _ in range(epochs):
        for rows in np.array_split(order.permutation(n), batches):
            at = torch.tensor(np.sort(rows))
            shares = [
                torch.softmax(i.values[at] @ w + b, 1) for i, w, b in zip(inputs, free[::2], free[1::2], strict=True)
            ]
            mixed = iter([(s * p[at]).sum(1) for s, p in zip(shares, parts, strict=False)])
            products = []
            for member in members:
                product = next(mixed)
                for _ in member[1:]:
                    product = product * next(mixed)
                products.append(product)
            likelihood = (shares[-1] * torch.stack(products, 1)).sum(1).clamp(min=1e-30).log().mean()
            loss = PENALTY / n * sum((w**2).sum() for w in free[::2]) - likelihood
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    gates = [i.gate(w, b) for i, w, b in zip(inputs, free[::2], free[1::2], strict=True)]
    return gates[:-1], gates[-1]


class _Standardised:
    """``values``: (N, F), the evidence (F, N) with mean 0 and deviation 1 each, so that one rate and one penalty fit
    all.
    """

    def __init__(self, evidence: Float32Array) -> None:
        import torch

        self._mean = evidence.mean(1, keepdims=True, dtype=np.float64)
        self._deviation = evidence.std(1, keepdims=True, dtype=np.float64) + LEAST_DEVIATION
        standard = ((evidence - self._mean) / self._deviation).T  # (N, F)
        self.values = torch.tensor(np.ascontiguousarray(standard, np.float32))

    def gate(self, weights: Any, bias: Any) -> Gate:
        """Return the gate over the evidence as it is."""
        scaled = weights.detach().double().numpy() / self._deviation
        shifted = bias.detach().double().numpy() - (self._mean * scaled).sum(0)
        return Gate(scaled.astype(np.float32), shifted.astype(np.float32))
