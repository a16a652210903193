"""Additive attention of each state over a window of the states before it, all positions at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

TOGETHER = 2**18  # numbers worked on at once: a few distances' worth, and still in the cache


class AdditiveAttention(nn.Module):
    """e_ij = v · tanh(W s_i + U s_j) over the ``window`` states before each state (Bahdanau et al. 2015, A.1.2)."""

    def __init__(self, hidden: int, width: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.W = nn.Linear(hidden, width)
        self.U = nn.Linear(hidden, width, bias=False)
        self.v = nn.Parameter(torch.randn(width) / width**0.5)

    def forward(
        self, states: Tensor, past: Tensor, filled: Tensor, reach: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the contexts (B, T, H) and the weights (B, T, window), [..., -1] that of the state just before.

        Parameters: ``states`` (B, T, H); ``past`` (B, window, H), the states before them, the last ``filled`` (B,) of
        which are there; ``reach``, how many states back it may look, None for all of them. Where there is none at
        all, weights and context are zero.
        """
        length = states.shape[1]
        before = torch.cat([past, states[:, :-1]], 1)  # (B, window + T - 1, H)
        scores: Tensor = _Scores.apply(*(x.to(self.v.dtype) for x in (self.W(states), self.U(before))), self.v)  # type: ignore[no-untyped-call]
        place = torch.arange(self.window, device=states.device) + torch.arange(length, device=states.device)[:, None]
        there = place[None] >= self.window - filled[:, None, None]  # (B, T, window)
        if reach is not None:
            there = there & (torch.arange(self.window, device=states.device) >= self.window - reach)
        weights = torch.softmax(scores.masked_fill(~there, -1e9), -1) * there
        return banded(weights) @ before, weights


def banded(weights: Tensor) -> Tensor:
    """Spread (B, T, W) to (B, T, W + T - 1), row t shifted right by t: one matrix product then mixes the states."""
    rows, length, window = weights.shape
    across = window + length - 1
    padded = functional.pad(
        weights, (0, across + 1 - window)
    )  # a row one longer than it should be shifts the next by one
    return padded.reshape(rows, -1)[:, : length * across].reshape(rows, length, across)


class _Scores(torch.autograd.Function):
    """scores[b, t, w] = v · tanh(query[b, t] + key[b, t + w]), a few distances at a time.

    What is worked on stays in the cache, which makes it several times faster than all of them in one tensor.
    tanh x = 2σ(2x) - 1, since torch computes the logistic function nine times faster on processors.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, keys: Tensor, v: Tensor) -> Tensor:
        """Parameters: query (B, T, A), keys (B, W + T - 1, A), v (A,); returns (B, T, W)."""
        rows, length, width = query.shape
        window = keys.shape[1] - length + 1
        training = any(ctx.needs_input_grad)
        query2 = 2 * query
        shifted = (2 * keys).unfold(1, length, 1).permute(1, 0, 3, 2)  # (W, B, T, A), a view
        scores = query.new_empty(window, rows, length)
        together = _together(window, query)
        logistic = query.new_empty(window if training else together, rows, length, width)
        for first in range(0, window, together):
            here = slice(first, min(first + together, window))
            s = logistic[here] if training else logistic[: here.stop - first]
            torch.add(query2, shifted[here], out=s)
            s.sigmoid_()
            torch.matmul(s, v, out=scores[here])
        if training:
            ctx.save_for_backward(logistic, v)
        return (2 * scores - v.sum()).permute(1, 2, 0)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """d tanh = 4σ(1 - σ)."""
        logistic, v = ctx.saved_tensors
        window, rows, length, width = logistic.shape
        slope = slope.permute(2, 0, 1).contiguous()  # (W, B, T)
        to_query = v.new_zeros(rows, length, width)
        to_keys = v.new_zeros(rows, window + length - 1, width)
        to_v = v.new_zeros(width)
        together = _together(window, to_query)
        for first in range(0, window, together):
            s, g = logistic[first : first + together], slope[first : first + together].reshape(-1)
            to_v += s.view(-1, width).T @ g
            inner = torch.outer(g, 4 * v).view_as(s).mul_(s)
            inner.addcmul_(inner, s, value=-1)
            to_query += inner.sum(0)
            for back, each in enumerate(inner, first):
                to_keys[:, back : back + length] += each
        return to_query, to_keys, 2 * to_v - slope.sum()


def _together(window: int, query: Tensor) -> int:
    """Return how many distances are worked on at once; ``query``, (B, T, A), is what one of them takes."""
    return max(1, min(window, TOGETHER // max(query.numel(), 1)))
