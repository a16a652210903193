"""The networks that read a window of concatenated word vectors: Bengio's, the log-bilinear, and a current network."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.models.common.layers import FeedForwardBlock, feed_forward_in_page, windows
from lmcompare.training.network import Memory, Network, dropout
from lmcompare.training.softmax import Head


class WindowNetwork(Network):
    """A network whose features are a function of the vectors of the last ``context`` inputs, the oldest first.

    Positions before the beginning of the document have vectors of zeros. Words that are read and words that are
    predicted have the same vectors; a subclass may have different ones.

    Attributes
    ----------
    table : str
        The name of the parameter that has the (V + 1, d) vectors of the inputs.
    """

    table: str = "head.table"

    def __init__(self, context: int, dropout: float) -> None:
        super().__init__()
        self.context, self.dropout = context, dropout

    def embed(self, inputs: Tensor) -> Tensor:
        """Return the (…, d) vectors of inputs."""
        return self.head.embed(inputs)

    @abstractmethod
    def features(self, window: Tensor) -> Tensor:
        """Return the features (…, f) of windows (…, context · d)."""

    @abstractmethod
    def layers_in_page(self) -> list[dict[str, Any]]:
        """Return the page's layers that compute ``features``."""

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, f) and the memory.

        The memory is ``past`` (B, context - 1), the inputs before, each plus one, since 0 stands for no input.
        """
        read, left = self.windows(inputs, memory)
        return self.features(read), left

    def words_read(self, inputs: Tensor, memory: Memory | None) -> Tensor:
        """Return the words of the windows."""
        return (self._words(inputs, memory) - 1).clamp(min=0)

    def _words(self, inputs: Tensor, memory: Memory | None) -> Tensor:
        """Return (B, context - 1 + T): the inputs and the context - 1 before them, each plus one; 0 for no input."""
        past = inputs.new_zeros(len(inputs), self.context - 1) if memory is None else memory["past"]
        return torch.cat([past, inputs + 1], 1)

    def windows(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the vectors of the window that ends at each input (B, T, context · d), and the memory."""
        words, length = self._words(inputs, memory), inputs.shape[1]
        vectors = self.embed((words - 1).clamp(min=0)) * (words > 0)[..., None]  # (B, context - 1 + T, d)
        vectors = dropout(vectors, self.dropout, self.training)
        side_by_side, _ = windows(vectors[:, self.context - 1 :], vectors[:, : self.context - 1], self.context)
        return side_by_side, {"past": words[:, length:]}

    def in_page(self) -> list[dict[str, Any]]:
        read: list[dict[str, Any]] = [{"type": "embed", "table": self.table}, {"type": "stack", "size": self.context}]
        return [*read, *self.layers_in_page()]


class BengioNetwork(WindowNetwork):
    """tanh(d + H x), and with direct connections also x (Bengio et al. 2003, equation 1).

    Words that are read and words that are predicted have different vectors: the head's table is U, or [U W].
    """

    table = "vectors"

    def __init__(self, types: int, width: int, context: int, hidden: int, dropout: float, *, direct: bool) -> None:
        super().__init__(context, dropout)
        self.direct = direct
        self.vectors = nn.Parameter(torch.randn(types + 1, width).div_(math.sqrt(width)))
        self.hidden = nn.Linear(context * width, hidden)
        self.head = Head(types, hidden + (context * width if direct else 0))

    def embed(self, inputs: Tensor) -> Tensor:
        """Return the (…, d) vectors of inputs, which the softmax does not use."""
        return functional.embedding(inputs, self.vectors)

    def features(self, window: Tensor) -> Tensor:
        """Return (…, hidden), with direct connections (…, hidden + context · d)."""
        units = dropout(torch.tanh(self.hidden(window)), self.dropout, self.training)
        return torch.cat([units, window], -1) if self.direct else units

    def layers_in_page(self) -> list[dict[str, Any]]:
        layers: list[dict[str, Any]] = [{"type": "linear", "name": "hidden"}, {"type": "tanh"}]
        return [{"type": "beside", "layers": layers}] if self.direct else layers


class LogBilinearNetwork(WindowNetwork):
    """Σ_k C_k x_k, the vector that is predicted for the next word (Mnih and Hinton 2007); it is linear."""

    def __init__(self, types: int, width: int, context: int, dropout: float) -> None:
        super().__init__(context, dropout)
        self.predict = nn.Linear(context * width, width)
        self.head = Head(types, width)

    def features(self, window: Tensor) -> Tensor:
        return dropout(self.predict(window), self.dropout, self.training)

    def layers_in_page(self) -> list[dict[str, Any]]:
        return [{"type": "linear", "name": "predict"}]


class ResidualNetwork(WindowNetwork):
    """A matrix over the window, and residual blocks with layer norm, as such networks are built today.

    Sun and Iyyer (2021) compare networks of this kind with the transformer.
    """

    def __init__(self, types: int, width: int, context: int, layers: int, dropout: float) -> None:
        super().__init__(context, dropout)
        self.first = nn.Linear(context * width, width)
        self.blocks = nn.ModuleList(FeedForwardBlock(width) for _ in range(layers))
        self.last_norm = nn.LayerNorm(width)
        self.head = Head(types, width)

    def features(self, window: Tensor) -> Tensor:
        x = self.first(window)
        for block in self.blocks:
            x = x + dropout(block(x), self.dropout, self.training)
        return dropout(self.last_norm(x), self.dropout, self.training)

    def layers_in_page(self) -> list[dict[str, Any]]:
        layers: list[dict[str, Any]] = [{"type": "linear", "name": "first"}]
        layers += [feed_forward_in_page(f"blocks.{n}") for n in range(len(self.blocks))]
        return [*layers, {"type": "norm", "name": "last_norm", "kind": "layer"}]
