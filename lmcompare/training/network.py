"""The interface of networks that the training loop, scoring and generation drive."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from lmcompare.tokens import IntArray
from lmcompare.training.softmax import Head

Memory = dict[str, Tensor]


class Network(nn.Module, ABC):
    """A causal network that reads documents side by side, a piece at a time.

    The *memory* is everything that a row keeps of its document's past: named tensors of shape (B, …). A memory of
    zeros is the memory at a document's beginning. What a position sees may depend only on its document's past, and
    not on where the text is cut into pieces: reading 10 tokens at once or one by one is the same up to rounding.

    Attributes
    ----------
    head : Head
        The softmax layer over the vocabulary, made in ``__init__``.
    """

    head: Head

    @abstractmethod
    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Read T more tokens of each row's document.

        A row that is shorter than the others is padded at its end: its document is over, and its memory is not used
        again.

        Parameters
        ----------
        inputs : (B, T) Tensor of int64
            The ids; the first input of a document is V, its beginning.
        memory : Memory or None
            The memory that the previous call returned for these rows; None if every row begins a document.

        Returns
        -------
        features : (B, T, d) Tensor
            The features from which ``head`` predicts the token *after* each input.
        memory : Memory
        """

    def inputs(self, ids: IntArray) -> Tensor:
        """Return the (1, len + 1) inputs of a document of these ids: its beginning and the ids."""
        return torch.tensor([[self.head.types, *(int(i) for i in ids)]], device=self.head.table.device)


def select(memory: Memory, rows: Tensor | slice) -> Memory:
    """Return the memory of some rows."""
    return {name: value[rows] for name, value in memory.items()}


def detach(memory: Memory) -> Memory:
    """Return the memory without its gradient, so that no gradient flows into the previous piece."""
    return {name: value.detach() for name, value in memory.items()}


def blank(memory: Memory, rows: Tensor) -> Memory:
    """Return the memory with the rows of a (B,) boolean mask set to a document's beginning."""
    if not bool(rows.any()):
        return memory
    return {
        name: torch.where(rows.view(-1, *[1] * (value.dim() - 1)), torch.zeros((), dtype=value.dtype), value)
        for name, value in memory.items()
    }
