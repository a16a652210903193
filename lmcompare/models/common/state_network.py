"""Networks whose layers carry states of fixed size that decay."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lmcompare.models.common.layers import FeedForwardBlock, feed_forward_in_page
from lmcompare.training.network import Memory, Network, dropout
from lmcompare.training.softmax import Head

EPSILON = 1e-5  # added to the mean square by which norms divide


@dataclass(frozen=True)
class Gates:
    """The gates of one layer's states over T inputs, each (B, T, H) for H heads.

    Parameters
    ----------
    keep : Tensor
        The share of the state that is kept.
    write : Tensor
        How much of the new content is written.
    """

    keep: Tensor
    write: Tensor


class StateLayer(nn.Module, ABC):
    """A layer with a state of fixed size for each head, and a short convolution before."""

    @abstractmethod
    def forward(self, x: Tensor, state: Tensor | None, past: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Gates]:
        """Return what is added to x (B, T, d), the states (B, H, …), the convolution's past (B, …), and the gates.

        ``state`` and ``past`` are the values that the call before returned; None at a document's beginning.
        """

    @abstractmethod
    def in_page(self, name: str) -> dict[str, Any]:
        """Return the page's layer, whose weights have names that begin with ``name``, without the norm before it."""


class StateNetwork(Network):
    """Word vectors, layers with states whose outputs are added to their inputs, and a softmax with the same vectors.

    Parameters
    ----------
    types : int
        V, the size of the vocabulary.
    width : int
        d, the size of word vectors.
    layers : sequence of StateLayer
        The layers, each with a module ``norm``.
    dropout : float
        Dropout on word vectors and on the output of each layer.
    feed_forward : bool
        Whether a feed-forward block follows each layer.
    """

    def __init__(
        self, types: int, width: int, layers: Sequence[StateLayer], dropout: float, *, feed_forward: bool
    ) -> None:
        super().__init__()
        self.dropout, self.scale = dropout, math.sqrt(width)
        self.head = Head(types, width)
        self.layers = nn.ModuleList(layers)
        self.feed_forward = nn.ModuleList(FeedForwardBlock(width) for _ in layers if feed_forward)
        self.last_norm = nn.RMSNorm(width, eps=EPSILON)

    def words_read(self, inputs: Tensor, memory: Memory | None) -> Tensor:
        """Return the inputs."""
        return inputs

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, d) and the memory, whose size does not grow with the text.

        The memory is ``state`` (B, layers, H, …) and ``past`` (B, layers, …), the last inputs of the convolutions.
        """
        features, left, _ = self.read(inputs, memory)
        return features, left

    def read(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory, list[Gates]]:
        """Return what ``forward`` returns, and the gates of each layer."""
        x = dropout(self.head.embed(inputs) * self.scale, self.dropout, self.training)
        states: list[Tensor] = []
        pasts: list[Tensor] = []
        gates: list[Gates] = []
        for n, layer in enumerate(self.layers):
            state, past = (None, None) if memory is None else (memory["state"][:, n], memory["past"][:, n])
            added, state, past, found = layer(x, state, past)
            x = x + dropout(added, self.dropout, self.training)
            for block in self.feed_forward[n : n + 1]:
                x = x + dropout(block(x), self.dropout, self.training)
            states.append(state)
            pasts.append(past)
            gates.append(found)
        left = {"state": torch.stack(states, 1), "past": torch.stack(pasts, 1)}
        return dropout(self.last_norm(x), self.dropout, self.training), left, gates

    def in_page(self) -> list[dict[str, Any]]:
        """Return word vectors, the layers, and the last norm."""
        found: list[dict[str, Any]] = [{"type": "embed", "table": "head.table", "scale": self.scale}]
        for n, layer in enumerate(self.layers):
            assert isinstance(layer, StateLayer)
            norm = {"type": "norm", "name": f"layers.{n}.norm", "kind": "rms"}
            found.append({"type": "add", "layers": [norm, layer.in_page(f"layers.{n}")]})
            found += [feed_forward_in_page(f"feed_forward.{n}")] if len(self.feed_forward) else []
        return [*found, {"type": "norm", "name": "last_norm", "kind": "rms"}]
