"""A recurrent net with additive attention over its own past states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit
from lmcompare.model import FloatArray, Setting
from lmcompare.models.rnn.network import Recurrence
from lmcompare.models.rnn.plugin import Rnn
from lmcompare.models.rnn_attention import attention_reach
from lmcompare.models.rnn_attention.additive_attention import AdditiveAttention, banded
from lmcompare.models.rnn_attention.attention_reach import Reach
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.network import Memory


class RnnAttention(Rnn):
    """A GRU or LSTM language model that looks back at its own past states by additive attention.

    The attention is that of Bahdanau, Cho and Bengio (2015): e_ij = v · tanh(W s_i + U s_j), a_ij = softmax_j(e_ij),
    c_i = Σ_j a_ij s_j. What it reads are the ``window`` states before i, j < i, after the recurrence, so nothing that
    is still to be predicted can be seen; f_i = tanh(O [s_i; c_i]) then feeds the softmax. The state and the past
    states go on through the whole document.

    Parameters: ``attention``, the width of the additive scores; ``window``, how many states back it reads. The others
    are those of ``Rnn``, which is the same without attention.
    """

    def __init__(
        self,
        cell: str = "lstm",
        width: int = 256,
        hidden: int = 256,
        layers: int = 1,
        attention: int = 16,
        window: int = 128,
        dropout: float = 0.1,
        steps: int = 1000,
        batch: int = 32,
        length: int = 64,
        alone: float = 0.0,
        learning_rate: float = 2e-2,
        optimiser: str = "adamw",
        weight_decay: float = 0.4,
        candidates: int = 768,
        full_share: float = 0.0,
        patience: int = 0,
        precision: str = "auto",
    ) -> None:
        super().__init__(
            cell=cell,
            width=width,
            hidden=hidden,
            layers=layers,
            dropout=dropout,
            steps=steps,
            batch=batch,
            length=length,
            alone=alone,
            learning_rate=learning_rate,
            optimiser=optimiser,
            weight_decay=weight_decay,
            candidates=candidates,
            full_share=full_share,
            patience=patience,
            precision=precision,
        )
        if min(attention, window) < 1:
            raise LmcompareError("attention and window must be at least 1; the model without attention is rnn")
        self.attention, self.window = attention, window

    def title(self) -> str:
        """Return its name for people."""
        return "RNN with attention"

    def measure(self, train: Encoded, valid: Encoded, setting: Setting) -> Mapping[str, Any]:
        """Measure on valid what looking back is worth."""
        network = self._ready()
        assert isinstance(network, AttentiveRnnNetwork)
        return asdict(attention_reach.measured(network, valid))

    def reach(self) -> Reach:
        """Return what was measured on valid when it was trained: how far back it looks, and what that is worth."""
        return Reach.from_json(self.measured)

    def network(self, types: int) -> AttentiveRnnNetwork:
        """Return the untrained network."""
        return AttentiveRnnNetwork(
            types, self.cell, self.width, self.hidden, self.layers, self.attention, self.window, self.dropout
        )

    def attention_weights(self, ids: IntArray) -> FloatArray:
        """Return (T, T) the weight that state i gives to state j < i in a document of these ids; T = len + 1.

        State 0 is that after the document's beginning, which has nothing to look at: its row is zero.
        """
        network, inputs = self._attending(ids)
        with torch.no_grad():
            _, _, weights = network.attend(inputs, None)
        length = inputs.shape[1]
        out = np.zeros((length, length), np.float32)
        out[:, :-1] = banded(weights)[0, :, self.window :].cpu().numpy()
        return out

    def attention_at(self, ids: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return what the state after the last of these ids (one or more) looks at: e (n,), a (n,) and c (hidden,).

        n = min(len(ids), window): the states before it, the nearest last.
        """
        network, inputs = self._attending(ids)
        attention = network.attention
        with torch.no_grad():
            _, memory, _ = network.attend(inputs[:, :-1], None)
            before = memory["past"][0, self.window - int(memory["filled"][0]) :]  # (n, H)
            _, after, _ = network.attend(inputs[:, -1:], memory)
            state = after["past"][0, -1]
            scores = torch.tanh(attention.W(state) + attention.U(before)) @ attention.v
            weights = torch.softmax(scores, 0)
        return scores.cpu().numpy(), weights.cpu().numpy(), (weights @ before).cpu().numpy()

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield where it looks back in two sentences, the equation with numbers, and nearest words."""
        from lmcompare.models.rnn_attention.exhibits import exhibits

        return exhibits(self, text)

    def _attending(self, ids: IntArray) -> tuple[AttentiveRnnNetwork, Tensor]:
        network = self._ready()
        assert isinstance(network, AttentiveRnnNetwork)
        return network, network.inputs(ids)


class AttentiveRnnNetwork(Recurrence):
    """A recurrent network with additive attention over the past of its last layer."""

    def __init__(
        self,
        types: int,
        cell: str,
        width: int,
        hidden: int,
        layers: int,
        attention: int,
        window: int,
        dropout: float,
    ) -> None:
        super().__init__(types, cell, width, hidden, layers, dropout)
        self.window = window
        self.attention = AdditiveAttention(hidden, attention, window)
        self.output = nn.Linear(2 * hidden, width)

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, width) and the memory.

        Memory: that of ``states``; ``past`` (B, window, H), the last layer's states, ``filled`` (B,), how many of
        them are there.
        """
        features, left, _ = self.attend(inputs, memory)
        return features, left

    def attend(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory, Tensor]:
        """Do what ``forward`` does and return the attention weights (B, T, window) as well."""
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
        """Return what lies before the states (B, T, H) of a document's beginning: (B, window, H) and (B,), zeros."""
        rows, _, hidden = states.shape
        return states.new_zeros(rows, self.window, hidden), states.new_zeros(rows, dtype=torch.int64)

    def look_back(
        self, states: Tensor, past: Tensor, filled: Tensor, reach: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the features (B, T, width) and the attention weights (B, T, window) of the states (B, T, H).

        ``past`` (B, window, H), the states before them, of which the last ``filled`` (B,) are there; ``reach``, how
        many states back it may look, None for the whole window.
        """
        context, weights = self.attention(states, past, filled, reach)
        return self.features(torch.cat([states, context.to(states.dtype)], -1)), weights
