"""The network of the recurrent language model: word vectors, recurrent layers, and a softmax.

PyTorch computes its recurrent layers in a single call. ``gates`` computes the same step by step, from the equations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.models.common.layers import scan
from lmcompare.training.network import Memory, Network, dropout
from lmcompare.training.softmax import Head

ELMAN, GRU, LSTM, MIN_GRU, QRNN = CELLS = ("elman", "gru", "lstm", "min-gru", "qrnn")
BEST_KNOWN = (GRU, LSTM)
CARRIED = {LSTM: ("state", "cell"), QRNN: ("state", "input")}  # the memory, if it is not the state alone


class Recurrence(Network):
    """Word vectors, recurrent layers, and a softmax with the same vectors; ``output`` maps states to features."""

    output: nn.Linear

    def __init__(self, types: int, cell: str, width: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.cell, self.hidden, self.layers, self.dropout = cell, hidden, layers, dropout
        self.head = Head(types, width)
        self.recurrence = recurrence(cell, width, hidden, layers, dropout)
        self.carried = CARRIED.get(cell, ("state",))

    def words_read(self, inputs: Tensor, memory: Memory | None) -> Tensor:
        return inputs

    def states(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the last layer's states (B, T, H) and the memory.

        The memory is ``state`` (B, layers, H), for an LSTM also ``cell``, and for a QRNN ``input``, the last inputs.
        """
        read = dropout(self.head.embed(inputs), self.dropout, self.training)
        given: Any = None
        if memory is not None:
            given = tuple(memory[name].transpose(0, 1).contiguous() for name in self.carried)
        alone = isinstance(self.recurrence, nn.GRU | nn.RNN)
        states, last = self.recurrence(read, given[0] if alone and given else given)
        last = (last,) if alone else last
        left = {name: each.transpose(0, 1).float() for name, each in zip(self.carried, last, strict=True)}
        return dropout(states, self.dropout, self.training), left

    def _recurrent_layers(self) -> list[dict[str, Any]]:
        """Return the layers of the page that compute ``states``."""
        cell = {"type": self.cell, "name": "recurrence", "layers": self.layers}
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
        return [*self._recurrent_layers(), {"type": "linear", "name": "output"}, {"type": "tanh"}]

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, width) and the memory: ``state`` (B, layers, H), for an LSTM also ``cell``."""
        states, left = self.states(inputs, memory)
        return self.features(states), left


def recurrence(cell: str, width: int, hidden: int, layers: int, dropout: float) -> nn.Module:
    """Return recurrent layers with the interface of ``nn.GRU`` or ``nn.LSTM``, batch first."""
    if cell in (MIN_GRU, QRNN):
        return ParallelRecurrence(cell, width, hidden, layers, dropout)
    between = dropout if layers > 1 else 0.0
    if cell == ELMAN:
        return nn.RNN(width, hidden, layers, batch_first=True, dropout=between)
    kind = nn.LSTM if cell == LSTM else nn.GRU
    return kind(width, hidden, layers, batch_first=True, dropout=between)


@dataclass(frozen=True)
class Parts:
    """The values that a layer computes from its inputs, each (B, T, H).

    Parameters
    ----------
    keep : Tensor
        The share of the old state that is kept.
    new : Tensor
        The new content, of which the share 1 - ``keep`` is added.
    show : Tensor or None
        The share of the state that is shown; None for all of it.
    """

    keep: Tensor
    new: Tensor
    show: Tensor | None


class ParallelRecurrence(nn.Module):
    """Layers whose gates depend on their inputs alone: products of matrices are computed for all steps at once.

    s_t = f_t · s_{t-1} + (1 - f_t) · g_t. In the minGRU (Feng et al. 2024) f = σ(-W_z x_t) and g = W_g x_t. In the
    QRNN (Bradbury et al. 2017, fo-pooling, filters of two inputs) f = σ(W_f [x_{t-1}; x_t]),
    g = tanh(W_g [x_{t-1}; x_t]), and the output is σ(W_o [x_{t-1}; x_t]) · s_t.
    """

    def __init__(self, cell: str, width: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.cell, self.hidden_size, self.num_layers, self.dropout = cell, hidden, layers, dropout
        sizes = [width, *[hidden] * (layers - 1)]
        self.widest = max(sizes)
        read, parts = (2, 3) if cell == QRNN else (1, 2)
        self.layers = nn.ModuleList(nn.Linear(read * size, parts * hidden) for size in sizes)

    def parts(self, layer: int, x: Tensor, before: Tensor | None = None) -> Parts:
        """Return the values of a layer for (B, T, d) inputs; ``before`` (B, d): the input before them, or zeros."""
        if self.cell == MIN_GRU:
            take, new = self.layers[layer](x).chunk(2, -1)
            return Parts((-take).sigmoid(), new, None)
        before = torch.zeros_like(x[:, 0]) if before is None else before.to(x.dtype)
        earlier = torch.cat([before[:, None], x[:, :-1]], 1)
        keep, new, show = self.layers[layer](torch.cat([earlier, x], -1)).chunk(3, -1)
        return Parts(keep.sigmoid(), new.tanh(), show.sigmoid())

    def forward(self, x: Tensor, given: tuple[Tensor, ...] | None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the output of the last layer (B, T, H), and the memory of the layers.

        The memory is the states (layers, B, H), and for the QRNN the last inputs (layers, B, ``widest``), padded with
        zeros. ``given`` is the memory that the call before returned.
        """
        states: list[Tensor] = []
        inputs: list[Tensor] = []
        for n in range(self.num_layers):
            x = dropout(x, self.dropout if n else 0.0, self.training)
            before = None if given is None or self.cell == MIN_GRU else given[1][n, :, : x.shape[-1]]
            parts = self.parts(n, x, before)
            inputs.append(functional.pad(x[:, -1], (0, self.widest - x.shape[-1])))
            found = scan(parts.keep, (1 - parts.keep) * parts.new, None if given is None else given[0][n])
            states.append(found[:, -1])
            x = found if parts.show is None else parts.show * found
        left = (torch.stack(states),)
        return x, left if self.cell == MIN_GRU else (*left, torch.stack(inputs))


@dataclass(frozen=True)
class Gates:
    """The gates and states of the last layer over T inputs, each (T, H).

    Parameters
    ----------
    keep : Tensor
        The share of the old state that is kept: the forget gate of an LSTM and a QRNN, the update gate of a GRU and
        one minus that of a minGRU.
    take : Tensor
        The share of the new content that is added: the input gate of an LSTM, otherwise 1 - keep.
    new : Tensor
        The new content.
    show : Tensor or None
        The output gate of an LSTM and a QRNN; in a GRU the reset gate, which decides how much of the state the new
        content uses; None for a minGRU, which has no such gate.
    cell : Tensor
        The state that is carried on: the cell state of an LSTM and a QRNN, otherwise the hidden state.
    state : Tensor
        The hidden state.
    """

    keep: Tensor
    take: Tensor
    new: Tensor
    show: Tensor | None
    cell: Tensor
    state: Tensor


@torch.no_grad()
def gates(network: Recurrence, inputs: Tensor) -> Gates:
    """Return the gates over the (T,) inputs of a document, computed from the equations; an Elman network has none.

    Hochreiter and Schmidhuber (1997) with the forget gate of Gers et al. (2000); Cho et al. (2014); for the cells
    whose gates do not read the state see ``ParallelRecurrence``.
    """
    below = network.head.embed(inputs)  # (T, width)
    for layer in range(network.layers):
        if isinstance(network.recurrence, ParallelRecurrence):
            found = _parallel(network.recurrence, layer, below)
        else:
            found = _stepwise(network, layer, below)
        below = found.state
    return found


def _parallel(layers: ParallelRecurrence, layer: int, below: Tensor) -> Gates:
    parts = layers.parts(layer, below[None])
    keep, new = parts.keep[0], parts.new[0]
    state, cells = torch.zeros_like(keep[0]), []
    for k, n in zip(keep, new, strict=True):
        state = k * state + (1 - k) * n
        cells.append(state)
    cell = torch.stack(cells)
    show = None if parts.show is None else parts.show[0]
    return Gates(keep, 1 - keep, new, show, cell, cell if show is None else show * cell)


def _stepwise(network: Recurrence, layer: int, below: Tensor) -> Gates:
    step = _lstm if network.cell == LSTM else _gru
    names = (f"{kind}_{part}_l{layer}" for kind in ("weight", "bias") for part in ("ih", "hh"))
    W, U, b, c = (getattr(network.recurrence, name) for name in names)
    state = cell = below.new_zeros(U.shape[1])
    made: list[tuple[Tensor, ...]] = []
    for x in below:
        made.append(step(W @ x + b, U @ state + c, cell))
        cell, state = made[-1][4:]
    return Gates(*(torch.stack(each) for each in zip(*made, strict=True)))


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
