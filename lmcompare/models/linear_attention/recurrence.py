"""The gated delta rule, computed chunk by chunk with products of matrices and one triangular system."""

from __future__ import annotations

import torch
from torch import Tensor

from lmcompare.models.state_space.recurrence import CHUNK, decays


def gated_delta_rule(
    query: Tensor, key: Tensor, value: Tensor, log_decay: Tensor, rate: Tensor, state: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return o_t = S_tᵀ q_t with S_t = a_t S_{t-1} + k_t u_tᵀ and u_t = β_t (v_t - a_t S_{t-1}ᵀ k_t), in float32.

    The memory S is asked what it has for k_t, and corrected by a share β of the error (Yang, Kautz and Hatamizadeh
    2025, equation 10). Within a chunk the u are the solution of a triangular system (I + tril(β K Kᵀ ∘ L, -1)) U =
    β (V - G K S), where L has the products of decays between two steps and G those since the chunk's beginning; from
    chunk to chunk the state is carried. The cost is linear in T.

    Parameters
    ----------
    query, key : (B, H, T, K) Tensor
        q and k; the keys have length 1.
    value : (B, H, T, V) Tensor
        v.
    log_decay : (B, H, T) Tensor
        log a, at most 0.
    rate : (B, H, T) Tensor
        β, from 0 to 1.
    state : (B, H, K, V) Tensor or None
        S before the first step; None for zeros.

    Returns
    -------
    out : (B, H, T, V) Tensor
    state : (B, H, K, V) Tensor
        S after the last step.
    """
    query, key, value, log_decay, rate = (each.float() for each in (query, key, value, log_decay, rate))
    if state is None:
        state = key.new_zeros(*key.shape[:2], key.shape[3], value.shape[3])
    found: list[Tensor] = []
    # autocast would use types for which there is no triangular solver
    with torch.autocast(key.device.type, enabled=False):
        for first in range(0, key.shape[2], CHUNK):
            part = slice(first, first + CHUNK)
            q, k, v, share = query[:, :, part], key[:, :, part], value[:, :, part], rate[:, :, part, None]
            total = log_decay[:, :, part].cumsum(2)  # (B, H, L)
            between, since = decays(total), total.exp()[..., None]  # (B, H, L, L) and (B, H, L, 1)
            system = (share * (k @ k.mT) * between).tril(-1)
            error = share * (v - since * (k @ state))
            # the solver takes the diagonal as ones
            u = torch.linalg.solve_triangular(system, error, upper=False, unitriangular=True)  # (B, H, L, V)
            found.append(since * (q @ state) + ((q @ k.mT) * between) @ u)
            left = (total[..., -1:] - total).exp()[..., None]  # what is left of each step at the chunk's end
            state = since[:, :, -1:] * state + (k * left).mT @ u
    return torch.cat(found, 2), state
