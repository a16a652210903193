"""The network of the gated delta rule, with feed-forward layers between."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.models.common.layers import FeedForwardBlock, ShortConvolution, feed_forward_in_page
from lmcompare.models.common.states import Gates, StateNetwork
from lmcompare.models.linear_attention.recurrence import gated_delta_rule
from lmcompare.training.network import Memory, dropout
from lmcompare.training.softmax import Head


class DeltaLayer(nn.Module):
    """norm, queries, keys and values through a short convolution, the gated delta rule, a gate, and a matrix back."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.RMSNorm(width, eps=1e-5)
        self.read = nn.Linear(width, 4 * width + 2 * heads, bias=False)
        self.sizes = (3 * width, width, heads, heads)
        self.convolution = ShortConvolution(3 * width)
        self.decay_rate = nn.Parameter(torch.tensor(np.log(np.linspace(1.0, 16.0, heads)).tolist()))
        self.decay_bias = nn.Parameter(torch.full((heads,), -4.0))  # decays of 0.98 to 0.75 to begin with
        self.inner_norm = nn.RMSNorm(width // heads, eps=1e-5)
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


class LinearAttentionNetwork(StateNetwork):
    """Word vectors, layers of the gated delta rule and feed-forward layers, and a softmax with the same vectors."""

    def __init__(self, types: int, width: int, heads: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout, self.scale = heads, dropout, math.sqrt(width)
        self.head = Head(types, width)
        self.attention = nn.ModuleList(DeltaLayer(width, heads) for _ in range(layers))
        self.feed_forward = nn.ModuleList(FeedForwardBlock(width) for _ in range(layers))
        self.last_norm = nn.RMSNorm(width, eps=1e-5)

    def read(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory, list[Gates]]:
        """Return the features (B, T, d), the memory, and the gates of each layer.

        The memory is ``state`` (B, layers, H, K, K) and ``past`` (B, layers, 3, 3 d), the last inputs of the
        convolutions.
        """
        x = dropout(self.head.embed(inputs) * self.scale, self.dropout, self.training)
        states: list[Tensor] = []
        pasts: list[Tensor] = []
        gates: list[Gates] = []
        for n, (attention, feed_forward) in enumerate(zip(self.attention, self.feed_forward, strict=True)):
            state, past = (None, None) if memory is None else (memory["state"][:, n], memory["past"][:, n])
            added, state, past, found = attention(x, state, past)
            x = x + dropout(added, self.dropout, self.training)
            x = x + dropout(feed_forward(x), self.dropout, self.training)
            states.append(state)
            pasts.append(past)
            gates.append(found)
        left = {"state": torch.stack(states, 1), "past": torch.stack(pasts, 1)}
        return dropout(self.last_norm(x), self.dropout, self.training), left, gates

    def in_page(self) -> list[dict[str, Any]]:
        """Return word vectors, both layers of each block, and the last norm."""
        layers: list[dict[str, Any]] = [{"type": "embed", "table": "head.table", "scale": self.scale}]
        for n in range(len(self.attention)):
            name = f"attention.{n}"
            norm = {"type": "norm", "name": f"{name}.norm", "kind": "rms"}
            delta = {"type": "delta", "name": name, "heads": self.heads}
            layers += [{"type": "add", "layers": [norm, delta]}, feed_forward_in_page(f"feed_forward.{n}")]
        return [*layers, {"type": "norm", "name": "last_norm", "kind": "rms"}]
