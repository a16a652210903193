"""Attention of every state over a window of the states before it, for all positions at once."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

TOGETHER = 2**18  # numbers computed at once: a few distances, which fit in the processor's cache


class WindowAttention(nn.Module, ABC):
    """Weights a_ij = softmax_j e_ij over the ``window`` states before each state; kinds differ in the scores e_ij."""

    kind: ClassVar[str]
    scale: float = 1.0  # the factor of the products

    def __init__(self, window: int) -> None:
        super().__init__()
        self.window = window

    @abstractmethod
    def scores(self, states: Tensor, before: Tensor) -> Tensor:
        """Return (B, T, window): state t against states t … t + window - 1 of ``before`` (B, window + T - 1, H)."""

    @abstractmethod
    def compared(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return queries and keys (B, T, A) of states (B, T, H), from which the scores are computed."""

    def forward(
        self, states: Tensor, past: Tensor, filled: Tensor, reach: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the context vectors and the weights.

        Parameters
        ----------
        states : (B, T, H) Tensor
            The states that attend.
        past : (B, window, H) Tensor
            The states before them.
        filled : (B,) Tensor
            How many of the last states of ``past`` are valid.
        reach : int or None, default=None
            How many states back the attention may look; None for the whole window.

        Returns
        -------
        contexts : (B, T, H) Tensor
        weights : (B, T, window) Tensor
            The last column is the weight of the state just before. Weights and context are zero at a position
            without a past state.
        """
        before = torch.cat([past, states[:, :-1]], 1)  # (B, window + T - 1, H)
        there = self.visible(states.shape[1], filled)
        if reach is not None:
            there = there & (torch.arange(self.window, device=states.device) >= self.window - reach)
        weights = torch.softmax(self.scores(states, before).masked_fill(~there, -1e9), -1) * there
        return banded(weights) @ before, weights

    def visible(self, length: int, filled: Tensor) -> Tensor:
        """Return (B, T, window): whether a state exists, with ``filled`` (B,) valid states before T new states."""
        place = torch.arange(self.window, device=filled.device) + torch.arange(length, device=filled.device)[:, None]
        return place[None] >= self.window - filled[:, None, None]


class AdditiveAttention(WindowAttention):
    """e_ij = v · tanh(W s_i + U s_j) (Bahdanau, Cho and Bengio 2015, appendix A.1.2)."""

    kind = "additive"

    def __init__(self, hidden: int, width: int, window: int) -> None:
        super().__init__(window)
        self.W = nn.Linear(hidden, width)
        self.U = nn.Linear(hidden, width, bias=False)
        self.v = nn.Parameter(torch.randn(width).div_(width**0.5))

    def scores(self, states: Tensor, before: Tensor) -> Tensor:
        """Return the scores (B, T, window)."""
        read = (x.to(self.v.dtype) for x in (self.W(states), self.U(before)))
        found: Tensor = _AdditiveScores.apply(*read, self.v)  # type: ignore[no-untyped-call]
        return found

    def compared(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return W s and U s."""
        return self.W(states), self.U(states)


class MultiplicativeAttention(WindowAttention):
    """e_ij = (W s_i) · (U s_j) / √width: scaled products (Luong et al. 2015, "general"; Vaswani et al. 2017)."""

    kind = "multiplicative"

    def __init__(self, hidden: int, width: int, window: int) -> None:
        super().__init__(window)
        self.W = nn.Linear(hidden, width, bias=False)
        self.U = nn.Linear(hidden, width, bias=False)
        self.scale = 1 / math.sqrt(width)

    def scores(self, states: Tensor, before: Tensor) -> Tensor:
        """Return the scores (B, T, window)."""
        pairs = self.W(states) @ self.U(before).transpose(1, 2)  # (B, T, window + T - 1)
        return band_of(pairs, self.window) / math.sqrt(self.W.out_features)

    def compared(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return W s and U s."""
        return self.W(states), self.U(states)


class EvenAttention(WindowAttention):
    """e_ij = 0: every state in the window has the same weight, and the context is their mean."""

    kind = "even"

    def scores(self, states: Tensor, before: Tensor) -> Tensor:
        """Return zeros (B, T, window)."""
        return states.new_zeros(*states.shape[:2], self.window)

    def compared(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return queries and keys of one zero for each state."""
        zeros = states.new_zeros(*states.shape[:2], 1)
        return zeros, zeros


def band_of(pairs: Tensor, window: int) -> Tensor:
    """Return (B, T, W): the columns t … t + W - 1 of each row t of (B, T, W + T - 1). The inverse of ``banded``."""
    rows, length, across = pairs.shape
    return pairs.contiguous().as_strided((rows, length, window), (length * across, across + 1, 1))


def banded(weights: Tensor) -> Tensor:
    """Return (B, T, W) as (B, T, W + T - 1) with row t shifted right by t, for one matrix product with the states."""
    rows, length, window = weights.shape
    across = window + length - 1
    padded = functional.pad(weights, (0, across + 1 - window))  # one more column shifts the next row by one
    return padded.reshape(rows, -1)[:, : length * across].reshape(rows, length, across)


class _AdditiveScores(torch.autograd.Function):
    """scores[b, t, w] = v · tanh(query[b, t] + key[b, t + w]), a few distances at a time.

    A few distances stay in the processor's cache, which is several times faster than one large tensor. We use
    tanh x = 2σ(2x) - 1, since torch computes the logistic function nine times faster on processors.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, keys: Tensor, v: Tensor) -> Tensor:
        """Return the scores (B, T, W) of the query (B, T, A), the keys (B, W + T - 1, A) and v (A,)."""
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
        """Return the gradients of query, keys and v; the derivative of tanh is 4σ(1 - σ)."""
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
    """Return how many distances are computed at once, each as large as ``query`` (B, T, A)."""
    return max(1, min(window, TOGETHER // max(query.numel(), 1)))
