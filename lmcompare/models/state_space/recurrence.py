"""The selective state space in Mamba-2's form, computed chunk by chunk with products of matrices."""

from __future__ import annotations

import torch
from torch import Tensor

CHUNK = 64  # steps whose influence on each other is computed as a matrix


def selective_scan(
    x: Tensor, write: Tensor, read: Tensor, log_decay: Tensor, state: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return y_t = S_t c_t with S_t = a_t S_{t-1} + x_t b_tᵀ (Dao and Gu 2024, section 6).

    Within a chunk, y = (C Bᵀ ∘ L) X with L_ti = a_{i+1} … a_t, as in attention without a softmax; from chunk to chunk
    the state is carried. The cost is linear in T. Decays are in float32; under autocast the products are not.

    Parameters
    ----------
    x : (B, T, H, P) Tensor
        The vectors that are written into the H states.
    write, read : (B, T, N) Tensor
        b and c, where x is written and read, shared by all heads.
    log_decay : (B, T, H) Tensor
        log a, at most 0.
    state : (B, H, P, N) Tensor or None
        S before the first step; None for zeros.

    Returns
    -------
    y : (B, T, H, P) Tensor
    state : (B, H, P, N) Tensor
        S after the last step.
    """
    x, write, read = x.float(), write.float(), read.float()
    if state is None:
        state = x.new_zeros(x.shape[0], *x.shape[2:], write.shape[2])
    found: list[Tensor] = []
    for first in range(0, x.shape[1], CHUNK):
        part = slice(first, first + CHUNK)
        content = x[:, part].transpose(1, 2)  # (B, H, L, P)
        b, c = write[:, part], read[:, part]  # (B, L, N)
        total = log_decay[:, part].float().cumsum(1).transpose(1, 2)  # (B, H, L)
        influence = (c @ b.mT)[:, None] * decays(total)  # (B, H, L, L)
        carried = (c[:, None] @ state.mT) * total.exp()[..., None]  # (B, H, L, P)
        found.append(influence @ content + carried)
        left = (total[..., -1:] - total).exp()[..., None]  # (B, H, L, 1), what is left of a step at the chunk's end
        state = total[..., -1].exp()[..., None, None] * state + (content * left).mT @ b[:, None]
    return torch.cat(found, 2).transpose(1, 2), state


def decays(total: Tensor) -> Tensor:
    """Return L (…, L, L), exp(total_t - total_i) for i ≤ t and 0 for later i, from cumulative log decays (…, L)."""
    length = total.shape[-1]
    later = torch.ones(length, length, dtype=torch.bool, device=total.device).triu(1)
    # masked before exp, whose gradient would otherwise be infinite times zero
    return (total[..., :, None] - total[..., None, :]).masked_fill(later, -torch.inf).exp()
