"""Weights of few bits: rounding after training, and training that is aware of it.

Two quantisers:

- 2 bits and more: each row has 2^b evenly spaced values from its least to its greatest weight, and a weight becomes
  the nearest of them (affine quantisation, Nagel et al. 2021, "A white paper on neural network quantization",
  section 2).
- 1.58 bits, log2(3): each weight becomes -γ, 0 or γ, with one γ for the matrix (absmean, Ma et al. 2024,
  "The era of 1-bit LLMs: all large language models are in 1.58 bits", equations 1 to 3).

In training, the network computes with the rounded weights, and the gradient of a rounded weight is that of the weight
itself (straight-through estimator, Bengio, Léonard and Courville 2013, "Estimating or propagating gradients through
stochastic neurons for conditional computation").
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

TERNARY = 1.58  # bits of a weight that has three values, log2(3), as the paper writes it
FULL = 32  # bits of a weight in float32
SCALE_BYTES = 4  # bytes of each number of a quantiser, a float32
EPSILON = 1e-12


def ternary(weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return the values -1, 0 and 1 of weights (…), and γ, the mean of their absolute values.

    RoundClip(W / γ, -1, 1) with γ = Σ |W_ij| / (n m): Ma et al. 2024, equations 1 to 3.
    """
    gamma = weights.abs().mean().clamp_min(EPSILON)
    return (weights / gamma).round().clamp(-1, 1), gamma


def affine(weights: Tensor, bits: int) -> Tensor:
    """Return weights (n, m) rounded to 2^bits evenly spaced values from the least to the greatest of each row."""
    low, high = weights.amin(1, keepdim=True), weights.amax(1, keepdim=True)
    step = ((high - low) / (2**bits - 1)).clamp_min(EPSILON)
    rounded: Tensor = ((weights - low) / step).round() * step + low
    return rounded


def quantised(weights: Tensor, bits: float) -> Tensor:
    """Return a matrix (n, m) with weights of some bits: 1.58, or a whole number of at least 2."""
    if bits == TERNARY:
        values, gamma = ternary(weights)
        return values * gamma
    return affine(weights, int(bits))


def matrices(network: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    """Yield the module and the name of each matrix of a network, the word vectors included."""
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.dim() == 2:
                yield module, name


@torch.no_grad()
def round_weights(network: nn.Module, bits: float, *, spared: nn.Module | None = None) -> None:
    """Round the matrices of a trained network in place; those of the module ``spared`` stay as they are."""
    for module, name in matrices(network):
        if module is not spared:
            weights = getattr(module, name)
            weights.copy_(quantised(weights, bits))


def packed_bytes(rows: int, columns: int, bits: float) -> int:
    """Return the bytes of a quantised matrix, whose rows are packed one after the other, and of its scales.

    Five weights with three values fit in a byte (3^5 = 243). An affine row has two numbers, a ternary matrix has one.
    """
    if bits == TERNARY:
        return -(-rows * columns // 5) + SCALE_BYTES
    return -(-rows * columns * int(bits) // 8) + 2 * rows * SCALE_BYTES


def network_bytes(network: nn.Module, bits: float, *, spared: nn.Module | None = None) -> int:
    """Return the bytes of a network whose matrices have some bits per weight; all other numbers have 32."""
    total = sum(parameter.numel() for parameter in network.parameters()) * FULL // 8
    for module, name in matrices(network):
        if module is not spared and bits != FULL:
            rows, columns = getattr(module, name).shape
            total += packed_bytes(rows, columns, bits) - rows * columns * FULL // 8
    return total


class _StraightThrough(torch.autograd.Function):
    """Another value in place of a weight, with the gradient of the weight itself."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, rounded: Tensor) -> Tensor:
        return rounded.view_as(rounded)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        return slope, None


def straight_through(weights: Tensor, rounded: Tensor) -> Tensor:
    """Return ``rounded``, through which the gradient goes to ``weights`` as if nothing had been rounded."""
    made: Tensor = _StraightThrough.apply(weights, rounded)  # type: ignore[no-untyped-call]
    return made


class Rounded(nn.Module):
    """The parametrisation of a matrix that is trained while the network computes with its rounded values.

    A matrix is rounded once in a step of training, and once for all outside of it, since a network reads its word
    vectors several times.
    """

    def __init__(self, bits: float) -> None:
        super().__init__()
        self.bits = bits
        self._kept: Tensor | None = None

    def train(self, mode: bool = True) -> Self:
        """Forget the rounded values: the weights may have changed."""
        self.forget()
        return super().train(mode)

    def forget(self) -> None:
        """Round again when the weights are read next."""
        self._kept = None

    def forward(self, weights: Tensor) -> Tensor:
        """Return the rounded weights."""
        if self._kept is None:
            with torch.inference_mode(mode=False):
                self._kept = quantised(weights.detach(), self.bits)
        return straight_through(weights, self._kept)


def train_rounded(network: nn.Module, bits: float) -> None:
    """Make a network compute with the rounded values of all its matrices, which are trained through them."""
    for module, name in list(matrices(network)):
        parametrize.register_parametrization(module, name, Rounded(bits))
    network.register_forward_pre_hook(_begin_step)


def _begin_step(network: nn.Module, _: object) -> None:
    """Have a network in training round its matrices again: each step calls it once, after the step before."""
    for module in network.modules() if network.training else ():
        if isinstance(module, Rounded):
            module.forget()
