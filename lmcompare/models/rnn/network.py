"""The network of the recurrent language model, and the values of its gates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lmcompare.training.network import Memory, Network, dropout
from lmcompare.training.softmax import Head

CELLS = ("gru", "lstm")


class Recurrence(Network):
    """Word vectors, recurrent layers, and a softmax with the same vectors; ``output`` maps states to features."""

    output: nn.Linear

    def __init__(self, types: int, cell: str, width: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.dropout, self.is_lstm = dropout, cell == "lstm"
        self.head = Head(types, width)
        kind = nn.LSTM if self.is_lstm else nn.GRU
        self.recurrence = kind(width, hidden, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)

    def states(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the last layer's states (B, T, H) and the memory: ``state`` and ``cell``, if any, (B, layers, H)."""
        read = dropout(self.head.embed(inputs), self.dropout, self.training)
        given: Any = None
        if memory is not None:
            given = memory["state"].transpose(0, 1).contiguous()
            if self.is_lstm:
                given = (given, memory["cell"].transpose(0, 1).contiguous())
        states, last = self.recurrence(read, given)
        if self.is_lstm:
            left = {"state": last[0].transpose(0, 1).float(), "cell": last[1].transpose(0, 1).float()}
        else:
            left = {"state": last.transpose(0, 1).float()}
        return dropout(states, self.dropout, self.training), left

    def _recurrent_layers(self) -> list[dict[str, Any]]:
        """Return the layers of the page that compute ``states``."""
        cell = {"type": "lstm" if self.is_lstm else "gru", "name": "recurrence", "layers": self.recurrence.num_layers}
        return [{"type": "embed", "table": "head.table"}, cell]

    def features(self, states: Tensor) -> Tensor:
        """Return the features (B, T, width) of states (B, T, ``output.in_features``)."""
        return dropout(torch.tanh(self.output(states)), self.dropout, self.training)


class RnnNetwork(Recurrence):
    """A recurrent network without attention."""

    def __init__(self, types: int, cell: str, width: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__(types, cell, width, hidden, layers, dropout)
        self.output = nn.Linear(hidden, width)

    def in_page(self) -> list[dict[str, Any]]:
        """Return word vectors, cells and the output."""
        return [*self._recurrent_layers(), {"type": "linear", "name": "output"}, {"type": "tanh"}]

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, width) and the memory: ``state`` (B, layers, H), for an LSTM also ``cell``."""
        states, left = self.states(inputs, memory)
        return self.features(states), left


@dataclass(frozen=True)
class Gates:
    """The gates and states of the last layer over T inputs, each (T, H).

    Parameters
    ----------
    keep : Tensor
        LSTM: the forget gate. GRU: the update gate.
    take : Tensor
        LSTM: the input gate. GRU: 1 - keep.
    new : Tensor
        The candidate content.
    show : Tensor
        LSTM: the output gate. GRU: the reset gate, which decides how much of the state the new content uses.
    cell : Tensor
        LSTM: the cell state. GRU: the hidden state.
    state : Tensor
        The hidden state.
    """

    keep: Tensor
    take: Tensor
    new: Tensor
    show: Tensor
    cell: Tensor
    state: Tensor


@torch.no_grad()
def gates(network: Recurrence, inputs: Tensor) -> Gates:
    """Return the gates over the (T,) inputs of a document, computed from the equations.

    Hochreiter and Schmidhuber (1997) with the forget gate of Gers et al. (2000); Cho et al. (2014).
    """
    below = network.head.embed(inputs)  # (T, width)
    step = _lstm if network.is_lstm else _gru
    for layer in range(network.recurrence.num_layers):
        names = (f"{kind}_{part}_l{layer}" for kind in ("weight", "bias") for part in ("ih", "hh"))
        W, U, b, c = (getattr(network.recurrence, name) for name in names)
        state = cell = below.new_zeros(U.shape[1])
        made: list[tuple[Tensor, ...]] = []
        for x in below:
            made.append(step(W @ x + b, U @ state + c, cell))
            cell, state = made[-1][4:]
        found = Gates(*(torch.stack(each) for each in zip(*made, strict=True)))
        below = found.state
    return found


def _lstm(read: Tensor, recalled: Tensor, cell: Tensor) -> tuple[Tensor, ...]:
    take, keep, new, show = (read + recalled).chunk(4)
    take, keep, new, show = take.sigmoid(), keep.sigmoid(), new.tanh(), show.sigmoid()
    cell = keep * cell + take * new
    return keep, take, new, show, cell, show * cell.tanh()


def _gru(read: Tensor, recalled: Tensor, state: Tensor) -> tuple[Tensor, ...]:
    (reset, keep, new), (recalled_reset, recalled_keep, recalled_new) = read.chunk(3), recalled.chunk(3)
    reset, keep = (reset + recalled_reset).sigmoid(), (keep + recalled_keep).sigmoid()
    new = (new + reset * recalled_new).tanh()
    state = keep * state + (1 - keep) * new
    return keep, 1 - keep, new, reset, state, state
