"""What a network must answer so that the training loop, scoring and generation can drive it."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from lmcompare.tokens import IntArray
from lmcompare.training.softmax import Head

Memory = dict[str, Tensor]


class Network(nn.Module, ABC):
    """A causal network that reads documents side by side, a piece at a time.

    ``head``: the softmax layer over the vocabulary, made in ``__init__``.

    The *memory* is all that a row keeps of its document's past, as named tensors of shape (B, …). A memory of zeros
    is that of a document of which nothing has been read. What a position sees may depend on its document's past
    only, and not on where the pieces are cut: reading 10 tokens at once or one by one is the same to rounding.
    """

    head: Head

    @abstractmethod
    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Read T more tokens of each row's document.

        Parameters: ``inputs``, (B, T) int64, the ids read; a document's first input is V, its beginning.
        ``memory``, what the previous call returned for these rows, or None where every row begins anew.
        Returns the features (B, T, d) from which ``head`` predicts the token *after* each input, and the memory. A
        row shorter than the others is padded at its end; its document is over, and its memory is not used again.
        """

    def inputs(self, ids: IntArray) -> Tensor:
        """Return the (1, len + 1) inputs with which a document of these ids is read: its beginning, and the ids."""
        return torch.tensor([[self.head.types, *(int(i) for i in ids)]], device=self.head.table.device)


def select(memory: Memory, rows: Tensor | slice) -> Memory:
    """Return the memory of some rows."""
    return {name: value[rows] for name, value in memory.items()}


def detach(memory: Memory) -> Memory:
    """Return the memory cut off from the graph: no gradient flows into the previous piece."""
    return {name: value.detach() for name, value in memory.items()}


def blank(memory: Memory, rows: Tensor) -> Memory:
    """Return the memory with the rows of the (B,) boolean mask as at a document's beginning."""
    if not bool(rows.any()):
        return memory
    return {
        name: torch.where(rows.view(-1, *[1] * (value.dim() - 1)), torch.zeros((), dtype=value.dtype), value)
        for name, value in memory.items()
    }
