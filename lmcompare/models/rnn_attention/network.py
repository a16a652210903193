"""The network of the recurrent language model with attention over its own past states."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.models.rnn.network import Recurrence
from lmcompare.models.rnn_attention.additive_scores import additive_scores
from lmcompare.training.network import Memory


class WindowAttention(nn.Module, ABC):
    """Weights a_ij = softmax_j e_ij over the ``window`` states before each state; kinds differ in the scores e_ij."""

    kind: ClassVar[str]
    scale: float = 1.0  # the factor of the products

    def __init__(self, hidden: int, width: int, window: int) -> None:
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
        super().__init__(hidden, width, window)
        self.W = nn.Linear(hidden, width)
        self.U = nn.Linear(hidden, width, bias=False)
        self.v = nn.Parameter(torch.randn(width).div_(width**0.5))

    def scores(self, states: Tensor, before: Tensor) -> Tensor:
        return additive_scores(self.W(states).to(self.v.dtype), self.U(before).to(self.v.dtype), self.v)

    def compared(self, states: Tensor) -> tuple[Tensor, Tensor]:
        return self.W(states), self.U(states)


class MultiplicativeAttention(WindowAttention):
    """e_ij = (W s_i) · (U s_j) / √width: scaled products (Luong et al. 2015, "general"; Vaswani et al. 2017)."""

    kind = "multiplicative"

    def __init__(self, hidden: int, width: int, window: int) -> None:
        super().__init__(hidden, width, window)
        self.W = nn.Linear(hidden, width, bias=False)
        self.U = nn.Linear(hidden, width, bias=False)
        self.scale = 1 / math.sqrt(width)

    def scores(self, states: Tensor, before: Tensor) -> Tensor:
        pairs = self.W(states) @ self.U(before).transpose(1, 2)  # (B, T, window + T - 1)
        return band_of(pairs, self.window) / math.sqrt(self.W.out_features)

    def compared(self, states: Tensor) -> tuple[Tensor, Tensor]:
        return self.W(states), self.U(states)


class EvenAttention(WindowAttention):
    """e_ij = 0: every state in the window has the same weight, and the context is their mean."""

    kind = "even"

    def scores(self, states: Tensor, before: Tensor) -> Tensor:
        return states.new_zeros(*states.shape[:2], self.window)

    def compared(self, states: Tensor) -> tuple[Tensor, Tensor]:
        zeros = states.new_zeros(*states.shape[:2], 1)
        return zeros, zeros


SCORES = {each.kind: each for each in (AdditiveAttention, MultiplicativeAttention, EvenAttention)}


class AttentiveRnnNetwork(Recurrence):
    """A recurrent network with attention over the past of its last layer."""

    def __init__(
        self,
        types: int,
        cell: str,
        width: int,
        hidden: int,
        layers: int,
        scores: str,
        attention: int,
        window: int,
        dropout: float,
    ) -> None:
        super().__init__(types, cell, width, hidden, layers, dropout)
        self.window = window
        self.attention = SCORES[scores](hidden, attention, window)
        self.output = nn.Linear(2 * hidden, width)

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, width) and the memory.

        The memory is that of ``states``, and ``past`` (B, window, H), the last layer's states, of which the last
        ``filled`` (B,) are valid.
        """
        states, left = self.states(inputs, memory)
        if memory is None:
            past, filled = self.no_past(states)
        else:
            past, filled = memory["past"].to(states.dtype), memory["filled"]
        features, _ = self.look_back(states, past, filled)
        left["past"] = torch.cat([past, states], 1)[:, -self.window :].float()
        left["filled"] = (filled + inputs.shape[1]).clamp(max=self.window)
        return features, left

    def no_past(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return the past at a document's beginning, for states (B, T, H): zeros (B, window, H) and (B,)."""
        rows, _, hidden = states.shape
        return states.new_zeros(rows, self.window, hidden), states.new_zeros(rows, dtype=torch.int64)

    def look_back(
        self, states: Tensor, past: Tensor, filled: Tensor, reach: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the features (B, T, width) and the attention weights (B, T, window).

        ``states`` are those of the last layer; the arguments are those of ``WindowAttention``.
        """
        context, weights = self.attention(states, past, filled, reach)
        return self.features(torch.cat([states, context.to(states.dtype)], -1)), weights

    def in_page(self) -> list[dict[str, Any]]:
        look = {"type": "look-back", "scores": self.attention.kind, "name": "attention", "window": self.window}
        return [*self._recurrent_layers(), look, {"type": "linear", "name": "output"}, {"type": "tanh"}]


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
