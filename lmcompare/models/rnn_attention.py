"""A recurrent net with additive attention over its own past states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit
from lmcompare.model import FloatArray
from lmcompare.models.additive_attention import AdditiveAttention, banded
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.dropout import dropout
from lmcompare.training.language_model import TorchLanguageModel
from lmcompare.training.network import Memory, Network
from lmcompare.training.recipe import Recipe
from lmcompare.training.softmax import Head

CELLS = ("gru", "lstm")


class RnnAttention(TorchLanguageModel):
    """A GRU or LSTM language model that looks back at its own past states by additive attention.

    The attention is that of Bahdanau, Cho and Bengio (2015): e_ij = v · tanh(W s_i + U s_j), a_ij = softmax_j(e_ij),
    c_i = Σ_j a_ij s_j. What it reads are the ``window`` states before i, j < i, after the recurrence, so nothing that
    is still to be predicted can be seen; f_i = tanh(O [s_i; c_i]) then feeds the softmax. The state and the past
    states go on through the whole document.

    Parameters: ``cell``, "gru" or "lstm"; ``width``, of word vectors and features; ``hidden``, of the state;
    ``layers``, of the recurrence; ``attention``, of the additive scores; ``window``, how many states back it reads, 0
    for no attention; ``dropout``, on word vectors, states and features. The others are those of ``Recipe``.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"batch": 16, "steps": 170},
        "full": {"width": 384, "hidden": 768, "dropout": 0.3, "steps": 3000},
    }

    def __init__(
        self,
        cell: str = "lstm",
        width: int = 256,
        hidden: int = 256,
        layers: int = 1,
        attention: int = 64,
        window: int = 32,
        dropout: float = 0.1,
        steps: int = 1000,
        batch: int = 32,
        length: int = 64,
        learning_rate: float = 2e-2,
        optimiser: str = "adamw",
        weight_decay: float = 0.4,
        candidates: int = 1024,
        full_share: float = 0.0,
        precision: str = "auto",
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            raise LmcompareError(f"cell is one of {', '.join(CELLS)}, not '{cell}'")
        if min(width, hidden, layers, attention) < 1 or window < 0:
            raise LmcompareError("width, hidden, layers and attention must be at least 1 and window at least 0")
        self.cell, self.width, self.hidden, self.layers = cell, width, hidden, layers
        self.attention, self.window, self.dropout = attention, window, dropout
        self.steps, self.batch, self.length, self.learning_rate = steps, batch, length, learning_rate
        self.optimiser, self.weight_decay, self.precision = optimiser, weight_decay, precision
        self.candidates, self.full_share = candidates, full_share

    def network(self, types: int) -> RnnNetwork:
        """Return the untrained network."""
        return RnnNetwork(
            types, self.cell, self.width, self.hidden, self.layers, self.attention, self.window, self.dropout
        )

    def recipe(self) -> Recipe:
        """Return how it is trained."""
        return Recipe(
            steps=self.steps,
            rows=self.batch,
            length=self.length,
            learning_rate=self.learning_rate,
            optimiser=self.optimiser,
            weight_decay=self.weight_decay,
            candidates=self.candidates,
            full_share=self.full_share,
            precision=self.precision,
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
        if weights is not None:
            out[:, :-1] = banded(weights)[0, :, self.window :].cpu().numpy()
        return out

    def attention_at(self, ids: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return what the state after the last of these ids (one or more) looks at: e (n,), a (n,) and c (hidden,).

        n = min(len(ids), window): the states before it, the nearest last.
        """
        network, inputs = self._attending(ids)
        attention = network.attention
        assert attention is not None
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
        from lmcompare.models.rnn_exhibits import exhibits

        return exhibits(self, text)

    def _attending(self, ids: IntArray) -> tuple[RnnNetwork, Tensor]:
        network = self._ready()
        assert isinstance(network, RnnNetwork)
        inputs = torch.tensor([[network.head.types, *(int(i) for i in ids)]], device=network.head.table.device)
        return network, inputs


class RnnNetwork(Network):
    """Word vectors, a recurrence, additive attention over its past, a softmax with the same word vectors."""

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
        super().__init__()
        self.window, self.dropout, self.is_lstm = window, dropout, cell == "lstm"
        self.head = Head(types, width)
        kind = nn.LSTM if self.is_lstm else nn.GRU
        self.recurrence = kind(width, hidden, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self.attention = AdditiveAttention(hidden, attention, window) if window else None
        self.output = nn.Linear(2 * hidden if window else hidden, width)

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, width) and the memory.

        Memory: ``state`` (B, layers, H), for an LSTM also ``cell``; ``past`` (B, window, H), the last layer's states,
        ``filled`` (B,), how many of them are there.
        """
        features, left, _ = self.attend(inputs, memory)
        return features, left

    def attend(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory, Tensor | None]:
        """Do what ``forward`` does and return the attention weights (B, T, window) as well."""
        rows, length = inputs.shape
        read = dropout(self.head.embed(inputs), self.dropout, self.training)
        states, left = self._recur(read, memory)
        states = dropout(states, self.dropout, self.training)
        if self.attention is None:
            return self._features(states), left, None
        if memory is None:
            past, filled = states.new_zeros(rows, self.window, states.shape[-1]), inputs.new_zeros(rows)
        else:
            past, filled = memory["past"], memory["filled"]
        context, weights = self.attention(states, past.to(states.dtype), filled)
        left["past"] = torch.cat([past.to(states.dtype), states], 1)[:, -self.window :].float()
        left["filled"] = (filled + length).clamp(max=self.window)
        return self._features(torch.cat([states, context.to(states.dtype)], -1)), left, weights

    def _recur(self, read: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        given: Any = None
        if memory is not None:
            given = memory["state"].transpose(0, 1).contiguous()
            if self.is_lstm:
                given = (given, memory["cell"].transpose(0, 1).contiguous())
        states, last = self.recurrence(read, given)
        if self.is_lstm:
            return states, {"state": last[0].transpose(0, 1).float(), "cell": last[1].transpose(0, 1).float()}
        return states, {"state": last.transpose(0, 1).float()}

    def _features(self, joined: Tensor) -> Tensor:
        return dropout(torch.tanh(self.output(joined)), self.dropout, self.training)
