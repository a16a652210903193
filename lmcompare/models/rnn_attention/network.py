"""The network of the recurrent language model with attention over its own past states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lmcompare.model import FloatArray
from lmcompare.models.rnn.network import Recurrence
from lmcompare.models.rnn_attention.window_attention import (
    AdditiveAttention,
    EvenAttention,
    MultiplicativeAttention,
    WindowAttention,
    banded,
)
from lmcompare.tokens import IntArray
from lmcompare.training.network import Memory

SCORES = ("additive", "multiplicative", "even")


@dataclass(frozen=True)
class Attended:
    """The results of the attention at one position, for the n states that it attends to, the nearest last.

    Parameters
    ----------
    scores : (n,) array
        e, before the softmax.
    weights : (n,) array
        a, which sum to one.
    context : (hidden,) array
        c, the weighted mean of the states.
    """

    scores: FloatArray
    weights: FloatArray
    context: FloatArray


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
        self.attention = _attention(scores, hidden, attention, window)
        self.output = nn.Linear(2 * hidden, width)

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, width) and the memory.

        The memory is that of ``states``, and ``past`` (B, window, H), the last layer's states, of which the last
        ``filled`` (B,) are valid.
        """
        features, left, _ = self.attend(inputs, memory)
        return features, left

    def in_page(self) -> list[dict[str, Any]]:
        """Return word vectors, cells, the look back at past states, and the output."""
        look = {"type": "look-back", "scores": self.attention.kind, "name": "attention", "window": self.window}
        return [*self._recurrent_layers(), look, {"type": "linear", "name": "output"}, {"type": "tanh"}]

    def attend(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory, Tensor]:
        """Return what ``forward`` returns and the attention weights (B, T, window)."""
        states, left = self.states(inputs, memory)
        if memory is None:
            past, filled = self.no_past(states)
        else:
            past, filled = memory["past"].to(states.dtype), memory["filled"]
        features, weights = self.look_back(states, past, filled)
        left["past"] = torch.cat([past, states], 1)[:, -self.window :].float()
        left["filled"] = (filled + inputs.shape[1]).clamp(max=self.window)
        return features, left, weights

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

    @torch.no_grad()
    def attention_weights(self, ids: IntArray) -> FloatArray:
        """Return the weights (T, T) that state i gives to state j < i in a document of these ids; T = len + 1.

        State 0 follows the document's beginning and has no state to attend to: its row is zero.
        """
        inputs = self.inputs(ids)  # (1, T)
        _, _, weights = self.attend(inputs, None)
        length = inputs.shape[1]
        out = np.zeros((length, length), np.float32)
        out[:, :-1] = banded(weights)[0, :, self.window :].cpu().numpy()
        return out

    @torch.no_grad()
    def attention_at(self, ids: IntArray) -> Attended:
        """Return the attention of the state after one or more ids to the min(len(ids), window) states before it."""
        inputs = self.inputs(ids)  # (1, T)
        _, memory, _ = self.attend(inputs[:, :-1], None)
        before = memory["past"][0, self.window - int(memory["filled"][0]) :]  # (n, H)
        _, after, _ = self.attend(inputs[:, -1:], memory)
        state = after["past"][:, -1:]  # (1, 1, H)
        empty = before.new_zeros(1, self.window - len(before), before.shape[1])
        scores = self.attention.scores(state, torch.cat([empty, before[None]], 1))[0, 0, -len(before) :]  # (n,)
        weights = torch.softmax(scores, 0)
        return Attended(scores.cpu().numpy(), weights.cpu().numpy(), (weights @ before).cpu().numpy())


def _attention(scores: str, hidden: int, width: int, window: int) -> WindowAttention:
    """Return the attention with the scores of one of ``SCORES``."""
    if scores == "even":
        return EvenAttention(window)
    return {"additive": AdditiveAttention, "multiplicative": MultiplicativeAttention}[scores](hidden, width, window)
