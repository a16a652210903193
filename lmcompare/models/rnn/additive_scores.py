"""The scores of additive attention, a few distances at a time: a trick of speed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

TOGETHER = 2**18  # numbers computed at once: a few distances, which fit in the processor's cache


def additive_scores(query: Tensor, keys: Tensor, v: Tensor) -> Tensor:
    """Return the scores (B, T, W) of queries (B, T, A), keys (B, W + T - 1, A) and v (A,), differentiable.

    scores[b, t, w] = v · tanh(query[b, t] + keys[b, t + w]).
    """
    found: Tensor = _AdditiveScores.apply(query, keys, v)  # type: ignore[no-untyped-call]
    return found


class _AdditiveScores(torch.autograd.Function):
    """The scores, and their gradients.

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
