"""Reads documents side by side with a trained network, in memory that does not grow with the text."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.network import Memory, Network, select


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
