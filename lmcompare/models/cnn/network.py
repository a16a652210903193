"""The network of gated causal convolutions."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from lmcompare.models.common.layers import windows
from lmcompare.tokens import IntArray
from lmcompare.training.network import Memory, Network, dropout
from lmcompare.training.softmax import Head


class GatedConvolution(nn.Module):
    """(A x + a) · σ(B x + b) of the windows x of the last ``kernel`` vectors (Dauphin et al. 2017, equation 1)."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.norm = nn.LayerNorm(width)
        self.both = nn.Linear(kernel * width, 2 * width)

    def parts(self, x: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return A x + a and B x + b, each (B, T, d), for x (B, T, d), and the past of the next piece."""
        read, left = windows(self.norm(x), past, self.kernel)
        content, gate = self.both(read).chunk(2, -1)
        return content, gate, left

    def forward(self, x: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return (B, T, d), to be added to x, and the past of the next piece (B, kernel - 1, d)."""
        content, gate, left = self.parts(x, past)
        return content * torch.sigmoid(gate), left


class ConvolutionalNetwork(Network):
    """Word vectors, gated convolutions that are added to their inputs, and a softmax with the same vectors."""

    def __init__(self, types: int, width: int, kernel: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.dropout, self.scale = dropout, math.sqrt(width)
        self.head = Head(types, width)
        self.convolutions = [GatedConvolution(width, kernel) for _ in range(layers)]
        self.layers = nn.ModuleList(self.convolutions)
        self.last_norm = nn.LayerNorm(width)

    def words_read(self, inputs: Tensor, memory: Memory | None) -> Tensor:
        return inputs

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, d) and the memory.

        The memory is ``past`` (B, layers, kernel - 1, d), the last normalised inputs of each layer.
        """
        features, left, _ = self.convolve(inputs, memory)
        return features, left

    def convolve(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory, list[Tensor]]:
        """Return what ``forward`` returns, and the inputs of each layer (B, T, d)."""
        x = dropout(self.head.embed(inputs) * self.scale, self.dropout, self.training)
        past: list[Tensor] = []
        read: list[Tensor] = []
        for n, layer in enumerate(self.convolutions):
            read.append(x)
            added, left = layer(x, None if memory is None else memory["past"][:, n])
            x = x + dropout(added, self.dropout, self.training)
            past.append(left)
        return dropout(self.last_norm(x), self.dropout, self.training), {"past": torch.stack(past, 1)}, read

    @torch.no_grad()
    def opened(self, ids: IntArray) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Return the input, the content and the gates of each layer, (T, d), over the T inputs of a document."""
        found = []
        _, _, read = self.convolve(self.inputs(ids), None)
        for layer, x in zip(self.convolutions, read, strict=True):
            content, gate, _ = layer.parts(x, None)
            found.append((x[0], content[0], gate[0].sigmoid()))
        return found

    def in_page(self) -> list[dict[str, Any]]:
        layers: list[dict[str, Any]] = [{"type": "embed", "table": "head.table", "scale": self.scale}]
        for n, layer in enumerate(self.convolutions):
            steps = [
                {"type": "norm", "name": f"layers.{n}.norm", "kind": "layer"},
                {"type": "stack", "size": layer.kernel},
                {"type": "linear", "name": f"layers.{n}.both"},
                {"type": "glu"},
            ]
            layers.append({"type": "add", "layers": steps})
        return [*layers, {"type": "norm", "name": "last_norm", "kind": "layer"}]
