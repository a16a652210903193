"""The recurrent layers: torch's own, and cells whose gates do not read the state, so that training is parallel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.models.common.scan import scan
from lmcompare.training.network import dropout

ELMAN, GRU, LSTM, MIN_GRU, QRNN = CELLS = ("elman", "gru", "lstm", "min-gru", "qrnn")
BEST_KNOWN = (GRU, LSTM)
CARRIED = {LSTM: ("state", "cell"), QRNN: ("state", "input")}  # the memory, if it is not the state alone


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
