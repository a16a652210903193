"""The recurrent language model: it reads a word at a time and remembers the past in a state of H numbers.

For word i with the vector x_i of a document, the network of each cell computes a new state s_i from the old one:

    Elman     s_i = tanh(W x_i + U s_{i-1})
    LSTM      f, n, o = σ(W x_i + U s_{i-1}),  g = tanh(W x_i + U s_{i-1}),  each with matrices of its own
              c_i = f · c_{i-1} + n · g,  s_i = o · tanh(c_i)
    GRU       z, r = σ(W x_i + U s_{i-1}),  g = tanh(W x_i + r · U s_{i-1}),  s_i = z · s_{i-1} + (1 - z) · g
    minGRU    z = σ(-W x_i),  g = W x_i,  s_i = z · s_{i-1} + (1 - z) · g
    QRNN      f, o = σ(W [x_{i-1}; x_i]),  g = tanh(W [x_{i-1}; x_i])
              c_i = f · c_{i-1} + (1 - f) · g,  s_i = o · c_i

The features f_i = tanh(O s_i) are compared with the vector of each word: the softmax of the products predicts word
i + 1. torch computes the first three cells; ``Recurrence.gates`` is the same, written out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.exhibits import Exhibit
from lmcompare.model import Idea
from lmcompare.models.common.layers import scan
from lmcompare.models.rnn.exhibits import exhibits
from lmcompare.tokens import Encoded
from lmcompare.training.language_model import TunableLanguageModel
from lmcompare.training.network import Memory, Network, dropout
from lmcompare.training.softmax import Head

CELLS = {  # the name of each cell, and the idea of a language model with it: the LSTM itself is of 1997
    "elman": ("Elman network", Idea(2010, "Mikolov et al.", "Recurrent neural network based language model")),
    "gru": ("GRU", Idea(2014, "Cho et al.", "Learning phrase representations using RNN encoder-decoder")),
    "lstm": ("LSTM", Idea(2012, "Sundermeyer, Schlüter and Ney", "LSTM neural networks for language modeling")),
    "min-gru": ("minGRU", Idea(2024, "Feng, Tung, Ahmed, Bengio and Hajimirsadeghi", "Were RNNs all we needed?")),
    "qrnn": ("QRNN", Idea(2017, "Bradbury, Merity, Xiong and Socher", "Quasi-recurrent neural networks")),
}
CARRIED = {"lstm": ("state", "cell"), "qrnn": ("state", "input")}  # the memory, if it is not the state alone


@dataclass(eq=False, kw_only=True)
class Recurrent(TunableLanguageModel):
    """The base class of recurrent models, with the hyper-parameters that all of them have.

    Parameters
    ----------
    cell : {"gru", "lstm"}, default="lstm"
        The recurrent unit.
    width : int, default=256
        d, the size of word vectors and features.
    hidden : int, default=256
        H, the size of the hidden state.
    dropout : float, default=0.1
        Dropout on word vectors, states and features.
    """

    widths: ClassVar[tuple[str, ...]] = ("width", "hidden")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"batch": 16, "steps": 170},
        "full": {"width": 384, "hidden": 512, "dropout": 0.3, "steps": 2000, "candidates": 2048},
    }
    cells: ClassVar[tuple[str, ...]] = ("gru", "lstm")

    cell: str = "lstm"
    width: int = 256
    hidden: int = 256
    batch: int = 32
    learning_rate: float = 2e-2

    def __post_init__(self) -> None:
        self.check_choice("cell", self.cells)
        self.check_whole(1, "width", "hidden")
        super().__post_init__()


@dataclass(eq=False, kw_only=True)
class Rnn(Recurrent):
    """An LSTM language model: it remembers the past in a hidden state of fixed size.

    s_i = LSTM(x_i, s_{i-1}) (Hochreiter and Schmidhuber 1997); the features f_i = tanh(O s_i) feed the softmax, whose
    word vectors are also the input vectors. The state is carried through the whole document.

    The other hyper-parameters are those of ``Recurrent`` and, for training, ``TunableLanguageModel``.

    Parameters
    ----------
    cell : {"lstm", "gru", "elman", "min-gru", "qrnn"}, default="lstm"
        The recurrent unit. "gru": Cho et al. (2014). "elman": s_i = tanh(W x_i + U s_{i-1}), without gates (Elman
        1990; as a language model Mikolov et al. 2010). "min-gru" (Feng et al. 2024) and "qrnn" (Bradbury et al. 2017)
        have gates that do not read the state, so that all products of matrices are computed at once.
    layers : int, default=1
        The number of recurrent layers.
    learning_rate : float, default=0.0
        The peak learning rate. 0 means 0.02, or 0.005 for an Elman network, which diverges at 0.02.
    """

    cells: ClassVar[tuple[str, ...]] = tuple(CELLS)

    layers: int = 1
    learning_rate: float = 0.0

    def __post_init__(self) -> None:
        self.check_whole(1, "layers", most=1000)
        if self.learning_rate == 0:
            self.learning_rate = Recurrent.learning_rate / (4 if self.cell == "elman" else 1)
        super().__post_init__()
        self.idea = CELLS[self.cell][1]

    def title(self) -> str:
        return CELLS[self.cell][0]

    def summary(self) -> str:
        """Return the summary with the cell of this model."""
        name = CELLS[self.cell][0].removesuffix(" network")
        article = "An" if self.cell in ("elman", "lstm") else "A"
        return super().summary().replace("An LSTM", f"{article} {name}", 1)

    def network(self, types: int) -> Recurrence:
        return RnnNetwork(types, self)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        return exhibits(self, self.trained_as(RnnNetwork), text)


@dataclass(frozen=True)
class Gates:
    """The gates and states of the last layer over T inputs, each (T, H).

    Parameters
    ----------
    keep : Tensor
        The share of the old state that is kept: f of an LSTM and a QRNN, z of a GRU and a minGRU.
    take : Tensor
        The share of the new content that is added: n of an LSTM, otherwise 1 - keep.
    new : Tensor
        g, the new content.
    show : Tensor or None
        o of an LSTM and a QRNN; r of a GRU, how much of the state the new content uses; None for a minGRU.
    cell : Tensor
        The state that is carried on: c of an LSTM and a QRNN, otherwise s.
    state : Tensor
        s, the hidden state.
    """

    keep: Tensor
    take: Tensor
    new: Tensor
    show: Tensor | None
    cell: Tensor
    state: Tensor


def lstm(read: Tensor, recalled: Tensor, cell: Tensor) -> tuple[Tensor, ...]:
    """Return ``Gates`` of a step, each (H,), from W x and U s (4 H,) and the old c (H,) (Gers et al. 2000)."""
    take, keep, new, show = (read + recalled).chunk(4)
    take, keep, new, show = take.sigmoid(), keep.sigmoid(), new.tanh(), show.sigmoid()
    cell = keep * cell + take * new
    return keep, take, new, show, cell, show * cell.tanh()


def gru(read: Tensor, recalled: Tensor, state: Tensor) -> tuple[Tensor, ...]:
    """Return ``Gates`` of a step, each (H,), from W x and U s (3 H,) and the old s (H,) (Cho et al. 2014)."""
    (reset, keep, new), (recalled_reset, recalled_keep, recalled_new) = read.chunk(3), recalled.chunk(3)
    reset, keep = (reset + recalled_reset).sigmoid(), (keep + recalled_keep).sigmoid()
    new = (new + reset * recalled_new).tanh()
    state = keep * state + (1 - keep) * new
    return keep, 1 - keep, new, reset, state, state


class ParallelRecurrence(nn.Module):
    """Layers of minGRU or QRNN, whose gates depend on their inputs alone, so that all steps are computed at once."""

    def __init__(self, cell: str, width: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.cell, self.dropout = cell, dropout
        sizes = [width, *[hidden] * (layers - 1)]
        self.widest = max(sizes)
        read, parts = (2, 3) if cell == "qrnn" else (1, 2)
        self.layers = nn.ModuleList(nn.Linear(read * size, parts * hidden) for size in sizes)

    def parts(self, layer: int, x: Tensor, before: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return ``keep``, ``new`` and ``show`` of ``Gates``, (B, T, H), for the inputs x (B, T, d) of a layer.

        ``before`` (B, d) is the input before them; None for zeros, at a document's beginning.
        """
        if self.cell == "min-gru":
            take, new = self.layers[layer](x).chunk(2, -1)
            return (-take).sigmoid(), new, None
        before = torch.zeros_like(x[:, 0]) if before is None else before.to(x.dtype)
        earlier = torch.cat([before[:, None], x[:, :-1]], 1)
        keep, new, show = self.layers[layer](torch.cat([earlier, x], -1)).chunk(3, -1)
        return keep.sigmoid(), new.tanh(), show.sigmoid()

    def forward(self, x: Tensor, given: tuple[Tensor, ...] | None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the output of the last layer (B, T, H), and the memory of the layers.

        The memory is the states (layers, B, H), and for the QRNN the last inputs (layers, B, ``widest``), padded with
        zeros. ``given`` is the memory that the call before returned.
        """
        states: list[Tensor] = []
        inputs: list[Tensor] = []
        for n in range(len(self.layers)):
            x = dropout(x, self.dropout if n else 0.0, self.training)
            before = None if given is None or self.cell == "min-gru" else given[1][n, :, : x.shape[-1]]
            keep, new, show = self.parts(n, x, before)
            inputs.append(functional.pad(x[:, -1], (0, self.widest - x.shape[-1])))
            found = scan(keep, (1 - keep) * new, None if given is None else given[0][n])
            states.append(found[:, -1])
            x = found if show is None else show * found
        left = (torch.stack(states),)
        return x, left if self.cell == "min-gru" else (*left, torch.stack(inputs))


class Recurrence(Network):
    """Word vectors, recurrent layers, and a softmax with the same vectors; ``output`` maps states to features."""

    output: nn.Linear

    def __init__(self, types: int, design: Rnn) -> None:
        super().__init__()
        self.cell, self.hidden, self.layers, self.dropout = design.cell, design.hidden, design.layers, design.dropout
        self.head = Head(types, design.width)
        self.recurrence: nn.Module
        if self.cell in ("min-gru", "qrnn"):
            self.recurrence = ParallelRecurrence(self.cell, design.width, self.hidden, self.layers, self.dropout)
        else:
            kind = {"elman": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[self.cell]
            between = self.dropout if self.layers > 1 else 0.0
            self.recurrence = kind(design.width, self.hidden, self.layers, batch_first=True, dropout=between)
        self.carried = CARRIED.get(self.cell, ("state",))

    def words_read(self, inputs: Tensor, memory: Memory | None) -> Tensor:
        return inputs

    def states(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the last layer's states (B, T, H) and the memory.

        The memory is ``state`` (B, layers, H), for an LSTM also ``cell``, and for a QRNN ``input``, the last inputs.
        """
        read = dropout(self.head.embed(inputs), self.dropout, self.training)
        given = None if memory is None else tuple(memory[n].transpose(0, 1).contiguous() for n in self.carried)
        alone = isinstance(self.recurrence, nn.GRU | nn.RNN)  # their memory is one tensor, and not a tuple
        states, last = self.recurrence(read, given[0] if alone and given else given)
        last = (last,) if alone else last
        left = {name: each.transpose(0, 1).float() for name, each in zip(self.carried, last, strict=True)}
        return dropout(states, self.dropout, self.training), left

    def features(self, states: Tensor) -> Tensor:
        """Return the features (B, T, d) of states (B, T, ``output.in_features``)."""
        return dropout(torch.tanh(self.output(states)), self.dropout, self.training)

    @torch.no_grad()
    def gates(self, inputs: Tensor) -> Gates:
        """Return the gates over the (T,) inputs of a document, step by step; an Elman network has none."""
        below = self.head.embed(inputs)  # (T, d)
        for layer in range(self.layers):
            steps: list[tuple[Tensor, ...]] = []
            cell = state = below.new_zeros(self.hidden)
            if isinstance(self.recurrence, ParallelRecurrence):
                keeps, news, shows = self.recurrence.parts(layer, below[None])
                for t, (keep, new) in enumerate(zip(keeps[0], news[0], strict=True)):
                    cell = keep * cell + (1 - keep) * new
                    show = torch.ones_like(keep) if shows is None else shows[0, t]
                    steps.append((keep, 1 - keep, new, show, cell, show * cell))
            else:
                names = (f"{kind}_{part}_l{layer}" for kind in ("weight", "bias") for part in ("ih", "hh"))
                W, U, b, c = (getattr(self.recurrence, name) for name in names)
                for x in below:
                    made = (lstm if self.cell == "lstm" else gru)(W @ x + b, U @ state + c, cell)
                    cell, state = made[4:]
                    steps.append(made)
            found = Gates(*(torch.stack(each) for each in zip(*steps, strict=True)))
            below = found.state
        return replace(found, show=None) if self.cell == "min-gru" else found

    def _recurrent_layers(self) -> list[dict[str, Any]]:
        """Return the layers of the page that compute ``states``."""
        cell = {"type": self.cell, "name": "recurrence", "layers": self.layers}
        return [{"type": "embed", "table": "head.table"}, cell]


class RnnNetwork(Recurrence):
    """A recurrent network without attention."""

    def __init__(self, types: int, design: Rnn) -> None:
        super().__init__(types, design)
        self.output = nn.Linear(design.hidden, design.width)

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, d) and the memory, that of ``states``."""
        states, left = self.states(inputs, memory)
        return self.features(states), left

    def in_page(self) -> list[dict[str, Any]]:
        return [*self._recurrent_layers(), {"type": "linear", "name": "output"}, {"type": "tanh"}]
