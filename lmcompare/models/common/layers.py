"""Layers of networks that several families share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

DEEPER = 4  # the inner layer of a feed-forward block is this many times as wide as its input
SHORT = 4  # vectors that a short convolution reads


class FeedForwardBlock(nn.Module):
    """down(GELU(up(norm(x)))), which is to be added to x."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, DEEPER * width)
        self.down = nn.Linear(DEEPER * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (…, d) for x (…, d)."""
        made: Tensor = self.down(functional.gelu(self.up(self.norm(x))))
        return made


def feed_forward_in_page(name: str) -> dict[str, Any]:
    """Return the page's layer for a ``FeedForwardBlock`` of this name, whose output is added to its input."""
    return {
        "type": "add",
        "layers": [
            {"type": "norm", "name": f"{name}.norm", "kind": "layer"},
            {"type": "linear", "name": f"{name}.up"},
            {"type": "gelu"},
            {"type": "linear", "name": f"{name}.down"},
        ],
    }


def windows(x: Tensor, past: Tensor | None, size: int) -> tuple[Tensor, Tensor]:
    """Return the last ``size`` vectors at each position side by side, and the past of the next piece.

    Parameters
    ----------
    x : (B, T, d) Tensor
        The vectors of a piece.
    past : (B, size - 1, d) Tensor or None
        The vectors before the piece; None for zeros, at a document's beginning.
    size : int
        The number of vectors in a window.

    Returns
    -------
    windows : (B, T, size · d) Tensor
        The oldest vector first.
    past : (B, size - 1, d) Tensor
        The last vectors, in float32.
    """
    before = x.new_zeros(len(x), size - 1, x.shape[2]) if past is None else past.to(x.dtype)
    longer = torch.cat([before, x], 1)  # (B, size - 1 + T, d)
    return longer.unfold(1, size, 1).transpose(2, 3).flatten(2), longer[:, x.shape[1] :].float()


def convolved(x: Tensor, past: Tensor | None, weight: Tensor, before: int) -> tuple[Tensor, Tensor]:
    """Return the weighted sums of each number over vectors in a row, and the past of the next piece.

    Parameters
    ----------
    x : (B, T, d) Tensor
        The vectors of a piece.
    past : (B, before, d) Tensor or None
        The vectors before the piece; None for zeros, at a document's beginning.
    weight : (K, d) Tensor
        The weights; the first one belongs to the vector ``before`` positions back.
    before : int
        How many vectors before a position its sum begins.

    Returns
    -------
    sums : (B, T, d) Tensor
    past : (B, before, d) Tensor
        The last vectors, in float32.
    """
    length = x.shape[1]
    given = x.new_zeros(len(x), before, x.shape[2]) if past is None else past.to(x.dtype)
    longer = torch.cat([given, x], 1)  # (B, before + T, d)
    read = longer[:, : length + len(weight) - 1]
    sums: Tensor = _WindowSums.apply(read, weight.to(x.dtype))  # type: ignore[no-untyped-call]
    return sums, longer[:, length:].float()


class _WindowSums(torch.autograd.Function):
    """Σ_k weight_k x_{t + k}; written out, it reads and writes the vectors half as often as torch's own gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        """Return (B, T, d) for x (B, T + K - 1, d) and the weight (K, d)."""
        ctx.save_for_backward(x, weight)
        length = x.shape[1] - len(weight) + 1
        sums = weight[0] * x[:, :length]
        for k, each in enumerate(weight[1:], 1):
            sums.addcmul_(each, x[:, k : k + length])
        return sums

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients of x and of the weight."""
        x, weight = ctx.saved_tensors
        to_x, to_weight, length = torch.zeros_like(x), torch.empty_like(weight), slope.shape[1]
        for k, each in enumerate(weight):
            to_x[:, k : k + length].addcmul_(each, slope)
            to_weight[k] = (x[:, k : k + length] * slope).sum((0, 1))
        return to_x, to_weight


class AddedConvolution(nn.Module):
    """x_i + Σ_{k = 1 … size} w_k x_{i - k}, with a weight for each number of a vector; at first the weights are zero.

    A layer that reads its output need not look for the words just before ("Canon layers", Allen-Zhu 2025, "Physics of
    language models: part 4.1"; their weights begin at random).
    """

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.weight = nn.Parameter(torch.zeros(size * width))  # flat, without the decay of matrices; the oldest first

    def forward(self, x: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return (B, T, d) for x (B, T, d), and the past of the next piece (B, size, d), as ``windows`` does."""
        added, left = convolved(x, past, self.weight.view(self.size, -1), self.size)
        return x + added, left


class ShortConvolution(nn.Module):
    """silu of a causal convolution of each number over the last ``SHORT`` vectors (Mamba; Gu and Dao 2023)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(SHORT * width).div_(SHORT**0.5))  # flat, without the decay of matrices
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return (B, T, d) for x (B, T, d), and the past of the next piece (B, SHORT - 1, d), as ``windows`` does."""
        found, left = convolved(x.float(), past, self.weight.view(SHORT, -1), SHORT - 1)
        return functional.silu(self.bias + found), left


def scan(keep: Tensor, add: Tensor, before: Tensor | None) -> Tensor:
    """Return s (B, T, H) with s_t = keep_t · s_{t-1} + add_t, differentiable, in float32.

    All products with matrices were computed before, for all steps at once; only one multiplication for each number is
    left, so the steps cost little, forward and backward.

    Parameters
    ----------
    keep, add : (B, T, H) Tensor
        The share of the old state that is kept, and the numbers that are added.
    before : (B, H) Tensor or None
        s_{-1}; None for zeros.
    """
    if before is None:
        before = keep.new_zeros(keep.shape[0], keep.shape[2])
    states: Tensor = _Scan.apply(keep.float(), add.float(), before.float())  # type: ignore[no-untyped-call]
    return states


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, keep: Tensor, add: Tensor, before: Tensor) -> Tensor:
        states = torch.empty_like(add)
        state = before
        for t in range(add.shape[1]):
            state = torch.addcmul(add[:, t], keep[:, t], state)
            states[:, t] = state
        ctx.save_for_backward(keep, states, before)
        return states

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        keep, states, before = ctx.saved_tensors
        added = torch.empty_like(states)
        carried = torch.zeros_like(before)  # the gradient of a state through the states after it
        for t in reversed(range(states.shape[1])):
            added[:, t] = carried + grad[:, t]
            carried = added[:, t] * keep[:, t]
        previous = torch.cat([before[:, None], states[:, :-1]], 1)
        return added * previous, added, carried
