"""A state that each step scales and adds to, number by number: the recurrence of gated networks without products."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


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
