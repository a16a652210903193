"""A network as the training loop, scoring and generation see it, its loss, and how it reads documents; dropout."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.errors import LmcompareError
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.lanes import Taught
from lmcompare.training.softmax import IGNORED, Head

Memory = dict[str, Tensor]


class Network(nn.Module, ABC):
    """A causal network that reads documents side by side, a piece at a time.

    The *memory* is everything that a row keeps of its document's past: named tensors of shape (B, …). A memory of
    zeros is the memory at a document's beginning. The features of a position may depend only on its document's past,
    and not on where the text is cut into pieces: 10 tokens read at once or one by one give the same features, up to
    rounding.

    Attributes
    ----------
    head : Head
        The softmax layer over the vocabulary, made in ``__init__``.
    piece : int
        The number of tokens of each document that a trained network reads at once.
    room : int
        The number of tokens of all documents together that a trained network reads at once.
    """

    head: Head
    piece: int = 128
    room: int = 4096

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

    def words_read(self, inputs: Tensor, memory: Memory | None) -> Tensor | None:
        """Return the ids of all words whose vectors ``forward`` reads from the head; None if it may read any word.

        If word vectors have a part for spelling, and these ids are known, a training step computes only their
        vectors; all other vectors are NaN.

        Parameters
        ----------
        inputs, memory
            The arguments of ``forward``.
        """
        return None

    def in_page(self) -> list[dict[str, Any]]:
        """Return the layers with which the page of a report computes the features after each input, in order.

        Each layer has a ``type``, and the names of its weights in ``state_dict``; docs/report.md lists the types.

        Raises
        ------
        LmcompareError
            If the page has no layers for such a network.
        """
        raise LmcompareError(f"the page has no layers for a {type(self).__name__}")

    def inputs(self, ids: IntArray) -> Tensor:
        """Return the (1, len + 1) inputs of a document of these ids: its beginning and the ids."""
        return torch.tensor([[self.head.types, *(int(i) for i in ids)]], device=self.head.table.device)


class Objective(nn.Module):
    """A network with its loss, so that the gradients flow through one module that can be wrapped."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        inputs: Tensor,
        targets: Tensor,
        memory: Memory | None,
        sample: tuple[Tensor, Tensor] | None,
        taught: Taught | None = None,
    ) -> tuple[Tensor, Tensor, Memory]:
        """Return the loss; the mean -log p of the targets in nats, which is a part of the loss; and the memory.

        Neither the mean nor the memory has a gradient.

        Parameters
        ----------
        inputs, targets : (B, T) Tensor of int64
            As in ``Batch``. Without targets the loss is 0.
        memory : Memory or None
            The memory of the rows.
        sample : (words, log q) or None
            The sample of a sampled softmax; None for the full softmax.
        taught : Taught or None
            The teacher's predictions; None without a teacher.
        """
        features, after = self.network(inputs, memory)
        features, targets = features.flatten(0, 1), targets.flatten()
        kept = targets != IGNORED
        if not bool(kept.all()):
            features, targets = features[kept], targets[kept]
        if not len(targets):  # the head gets a dense zero gradient, which the processes can average
            head = self.network.head
            loss = 0.0 * sum((weight.sum() for weight in head.parameters()), features.sum())
        elif sample is not None:
            loss = self.network.head.sampled_loss(features, targets, *sample)
        else:
            loss = self.network.head.full_loss(features, targets)
        surprisal = loss.detach()
        if taught is not None and len(targets):
            words, shares = taught.words.flatten(0, 1)[kept], taught.shares.flatten(0, 1)[kept]
            loss = loss + taught.weight * self.network.head.beyond_target(features, targets, words, shares)
        return loss, surprisal, detach(after)


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


def dropout(x: Tensor, share: float, training: bool) -> Tensor:
    """Set a ``share`` of the numbers to zero and scale up the rest, in training only (Srivastava et al. 2014).

    Drawing random numbers is slow on a CPU. There the share is rounded to a multiple of 1/256, so that one random
    byte decides about a number: torch's generator, which remains the only source of randomness, draws 8 at once.
    """
    if not training or share <= 0.0:
        return x
    if x.device.type != "cpu":
        return functional.dropout(x, share, training)
    dropped = min(round(256 * share), 255)
    words = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
    kept = (words.view(torch.uint8)[: x.numel()] >= dropped).view(x.shape)
    return x * (kept.to(x.dtype) * (256.0 / (256 - dropped)))


@torch.no_grad()
def read(network: Network, text: Encoded, at: IntArray) -> Iterator[tuple[IntArray, Tensor]]:
    """Yield the features that predict the tokens at some positions of a text.

    Each document is read once, from its beginning up to the last of its positions; documents of similar length share
    a batch.

    Parameters
    ----------
    network : Network
        The trained network.
    text : Encoded
        The text.
    at : (N,) array of int
        Positions, in any order.

    Yields
    ------
    where : (n,) array of int
        Indices into ``at``; every index comes once.
    features : (n, d) Tensor
        ``features[k]`` predicts the token at position ``at[where[k]]``.
    """
    if not len(at):
        return
    device = next(network.parameters()).device
    starts = text.context_starts(at)
    offsets = at - starts
    order = np.lexsort((offsets, starts))
    begins, first = np.unique(starts[order], return_index=True)
    groups = np.split(order, first[1:])  # indices into ``at`` by document, in rising order of position
    lengths = np.array([offsets[group[-1]] + 1 for group in groups])
    by_length = np.argsort(-lengths, kind="stable")
    taken = 0
    while taken < len(by_length):
        longest = int(lengths[by_length[taken]])
        rows = max(1, network.room // min(network.piece, longest))
        chosen = by_length[taken : taken + rows]
        taken += len(chosen)
        yield from _read_rows(
            network,
            text,
            [(int(begins[g]), int(lengths[g]), groups[g], offsets[groups[g]]) for g in chosen],
            device,
        )


def _read_rows(
    network: Network, text: Encoded, rows: list[tuple[int, int, IntArray, IntArray]], device: torch.device
) -> Iterator[tuple[IntArray, Tensor]]:
    """Read documents, the longest first, given as (start, number of inputs, indices into ``at``, their offsets)."""
    memory: Memory | None = None
    for first in range(0, rows[0][1], network.piece):
        active = [row for row in rows if row[1] > first]
        width = min(network.piece, rows[0][1] - first)
        inputs = np.full((len(active), width), text.vocabulary.end, np.int64)
        where: list[IntArray] = []
        picks: list[IntArray] = []
        for index, (start, length, elements, offsets) in enumerate(active):
            last = min(first + width, length)
            piece = text.ids[start + max(first - 1, 0) : start + last - 1]
            inputs[index, last - first - len(piece) : last - first] = piece
            if first == 0:
                inputs[index, 0] = len(text.vocabulary)
            a, b = np.searchsorted(offsets, [first, first + width])
            where.append(elements[a:b])
            picks.append(index * width + offsets[a:b] - first)
        if memory is not None:
            memory = select(memory, slice(0, len(active)))
        features, memory = network(torch.from_numpy(inputs).to(device), memory)
        picked = torch.from_numpy(np.concatenate(picks)).to(device)
        if len(picked):
            yield np.concatenate(where), features.flatten(0, 1)[picked]
