"""Gates: the weights of a mixture as a softmax of the evidence, fitted to held-out text.

The evidence for a model is how often its context was seen in the training text, at each length: ln(1 + count). A gate
gives every model a score that is linear in all evidence, and the weights are the softmax of the scores. They depend
only on the context, so the mixture of distributions is a distribution.

A *part* is a mixture of chains. A *member* is one part, or the product of a part that predicts the class of the word
and a part that predicts the word in its class. The members are mixed by a gate of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.state import real

Float32Array = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.floating[Any]]

BATCH = 2048  # tokens per step
EPOCHS = 14
STEPS = 300  # the least number of steps, for short texts
RATE = 0.02  # the learning rate of Adam
LEAST_DEVIATION = 0.1  # added to the standard deviation of evidence, which may be almost constant
LARGEST = float(np.finfo(np.float32).max)
PENALTY = 20.0  # nats over the whole held-out text for a squared weight of 1: regularises gates on short texts


@dataclass(frozen=True, eq=False)
class Gate:
    """The scores of M models as a linear function of F pieces of evidence.

    Parameters
    ----------
    weights : array of shape (F, M)
        The factors.
    bias : array of shape (M,)
        The scores without evidence.
    """

    weights: Float32Array
    bias: Float32Array

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], prefix: str, evidence: int, models: int) -> Gate:
        """Return the stored gate of M models whose arrays' names have a prefix, over F pieces of evidence.

        Raises ``DamagedStateError`` for other shapes and for numbers that are not finite.
        """
        weights = real(arrays, f"{prefix}weights", (evidence, models), -LARGEST, LARGEST)
        return cls(np.array(weights), np.array(real(arrays, f"{prefix}bias", (models,), -LARGEST, LARGEST)))

    def shares(self, evidence: FloatArray) -> FloatArray:
        """(M, B) float64: the weights of the models at B positions, from the evidence, (F, B)."""
        scores = self.weights.T.astype(np.float64) @ evidence + self.bias[:, None]
        scores -= scores.max(0)
        scores = np.exp(scores)
        shares: FloatArray = scores / scores.sum(0)
        return shares


@dataclass(frozen=True, eq=False)
class Seen:
    """The input of a gate for N held-out tokens: ``probabilities``, (M, N), and ``evidence``, (F, N)."""

    probabilities: Float32Array
    evidence: Float32Array


def even(models: int, evidence: int) -> Gate:
    """Return the gate that gives all models the same weight."""
    return Gate(np.zeros((evidence, models), np.float32), np.zeros(models, np.float32))


@contextmanager
def one_thread() -> Iterator[None]:
    """Make torch use one thread, so that the result does not depend on the number of threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@one_thread()
def fit(members: Sequence[Sequence[Seen]], evidence: Float32Array, seed: int) -> tuple[list[Gate], Gate]:
    """Fit all gates together, by Adam on the log-likelihood of the mixture.

    Parameters
    ----------
    members : sequence of sequence of Seen
        The parts of each member.
    evidence : array of shape (F, N)
        The evidence for the gate of the members.
    seed : int
        The seed for the order of the N tokens.

    Returns
    -------
    tuple of list of Gate and Gate
        The gates of all parts, member by member, and the gate of the members.
    """
    import torch

    from lmcompare.training.recipe import eager

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
    optimiser = eager(torch.optim.Adam)(free, lr=RATE)
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
    """Evidence with mean 0 and standard deviation 1, so that one learning rate and one penalty suit all evidence.

    ``values`` is (N, F).
    """

    def __init__(self, evidence: Float32Array) -> None:
        import torch

        self._mean = evidence.mean(1, keepdims=True, dtype=np.float64)
        self._deviation = evidence.std(1, keepdims=True, dtype=np.float64) + LEAST_DEVIATION
        standard = ((evidence - self._mean) / self._deviation).T  # (N, F)
        self.values = torch.tensor(np.ascontiguousarray(standard, np.float32))

    def gate(self, weights: Any, bias: Any) -> Gate:
        """Return the gate over the original evidence."""
        scaled = weights.detach().double().numpy() / self._deviation
        shifted = bias.detach().double().numpy() - (self._mean * scaled).sum(0)
        return Gate(scaled.astype(np.float32), shifted.astype(np.float32))
