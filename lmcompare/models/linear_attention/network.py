"""The layer of the gated delta rule."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.models.common.layers import ShortConvolution
from lmcompare.models.common.state_network import EPSILON, Gates, StateLayer
from lmcompare.models.linear_attention.recurrence import gated_delta_rule


class DeltaLayer(StateLayer):
    """norm, queries, keys and values through a short convolution, the gated delta rule, a gate, an output matrix."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.RMSNorm(width, eps=EPSILON)
        self.read = nn.Linear(width, 4 * width + 2 * heads, bias=False)
        self.sizes = (3 * width, width, heads, heads)
        self.convolution = ShortConvolution(3 * width)
        self.decay_rate = nn.Parameter(torch.tensor(np.log(np.linspace(1.0, 16.0, heads)).tolist()))
        self.decay_bias = nn.Parameter(torch.full((heads,), -4.0))  # at first, decays of 0.98 to 0.75
        self.inner_norm = nn.RMSNorm(width // heads, eps=EPSILON)
        self.write = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, state: Tensor | None, past: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Gates]:
        """Return what is added to x (B, T, d), the memories (B, H, K, K), the convolution's past, and the gates."""
        mixed, gate, decay, rate = self.read(self.norm(x)).split(self.sizes, -1)
        mixed, past = self.convolution(mixed, past)
        query, key, value = (
            each.unflatten(-1, (self.heads, -1)).transpose(1, 2).float() for each in mixed.chunk(3, -1)
        )  # (B, H, T, K)
        query = functional.normalize(query, dim=-1) / math.sqrt(query.shape[-1])
        key = functional.normalize(key, dim=-1)
        log_decay = (-self.decay_rate.exp() * functional.softplus(decay.float() + self.decay_bias)).transpose(1, 2)
        rate = rate.float().sigmoid().transpose(1, 2)  # (B, H, T)
        found, state = gated_delta_rule(query, key, value, log_decay, rate, state)
        shown = self.inner_norm(found).transpose(1, 2).flatten(2) * functional.silu(gate.float())
        return (
            self.write(shown.to(x.dtype)),
            state,
            past,
            Gates(log_decay.exp().transpose(1, 2), rate.transpose(1, 2)),
        )

    def in_page(self, name: str) -> dict[str, Any]:
        """Return the layer of the page."""
        return {"type": "delta", "name": name, "heads": self.heads}
