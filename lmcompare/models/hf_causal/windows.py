"""Windows over a document, and how a text is read in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lmcompare.models.hf_causal.network import LOGITS_BYTES, CausalNetwork
from lmcompare.tokens import Encoded, IntArray


@dataclass(frozen=True)
class Windows:
    """Windows of ``length`` inputs that begin at the multiples of ``stride`` in a document.

    The inputs of a document are its beginning, input 0, and its tokens. The token at offset o is predicted from input
    o and the inputs before it in the first window that has input o, so that the visible inputs depend on o alone.
    """

    length: int
    stride: int

    def first_inputs(self, offsets: IntArray) -> IntArray:
        """Return (n,) the first input of the window in which each offset (n,) is predicted."""
        after = np.maximum(offsets - self.length + 1, 0)
        first: IntArray = -(-after // self.stride) * self.stride
        return first


@dataclass(frozen=True)
class _Piece:
    """The part of a window that is read: where it is, and which elements of ``at`` it predicts at which offsets."""

    document: int  # the position of the document's first token
    first: int  # the first input
    elements: IntArray
    offsets: IntArray

    @property
    def length(self) -> int:
        return int(self.offsets[-1]) - self.first + 1


@torch.no_grad()
def read(
    network: CausalNetwork, windows: Windows, text: Encoded, at: IntArray, batch: int, *, hidden: bool = False
) -> Iterator[tuple[IntArray, Tensor]]:
    """Yield the logits that predict the tokens at some positions of a text.

    Parameters
    ----------
    network : CausalNetwork
        The network.
    windows : Windows
        The windows.
    text : Encoded
        The text.
    at : (N,) array of int
        Positions, in any order.
    batch : int
        The greatest number of windows that are read together.
    hidden : bool
        Whether the hidden states are returned in place of the logits.

    Yields
    ------
    where : (n,) array of int
        Indices into ``at``; every index comes once.
    logits : (n, V) Tensor
        Or the hidden states (layers + 1, n, d).
    """
    pieces = _pieces(windows, text, at)
    device = network.head.table.device
    while pieces:
        width = pieces[0].length
        least = min(int(piece.offsets[0]) - piece.first for piece in pieces[:batch])
        rows = min(batch, max(1, LOGITS_BYTES // (4 * network.head.types * (width - least))))
        chosen, pieces = pieces[:rows], pieces[rows:]
        least = min(int(piece.offsets[0]) - piece.first for piece in chosen)
        inputs = np.zeros((len(chosen), width), np.int64)
        for row, piece in enumerate(chosen):
            inputs[row, : piece.length] = inputs_of(text, piece.document, piece.first, piece.length)
        there = torch.from_numpy(inputs).to(device)
        found = network.hidden(there) if hidden else [network.logits(there, least)]
        where = np.concatenate([piece.elements for piece in chosen])
        picks = np.concatenate(
            [row * (width - least) + piece.offsets - piece.first - least for row, piece in enumerate(chosen)]
        )
        wanted = torch.from_numpy(picks).to(device)
        picked = [each[:, least - width :].flatten(0, 1)[wanted] for each in found]
        yield where, torch.stack(picked) if hidden else picked[0]


def inputs_of(text: Encoded, document: int, first: int, length: int) -> IntArray:
    """Return (length,) inputs of the document that begins at position ``document``, from input ``first`` on."""
    before = document + first - 1  # the position of the token that is input ``first``
    if first:
        return text.ids[before : before + length].astype(np.int64)
    return np.append(len(text.vocabulary), text.ids[document : document + length - 1]).astype(np.int64)


def _pieces(windows: Windows, text: Encoded, at: IntArray) -> list[_Piece]:
    """Return the pieces in which the positions are predicted, the longest first."""
    if not len(at):
        return []
    documents = text.context_starts(at)
    offsets = at - documents
    firsts = windows.first_inputs(offsets)
    order = np.lexsort((offsets, firsts, documents))
    keys = np.stack([documents[order], firsts[order]])
    cuts = np.flatnonzero((keys[:, 1:] != keys[:, :-1]).any(axis=0)) + 1
    pieces = [
        _Piece(int(documents[group[0]]), int(firsts[group[0]]), group, offsets[group])
        for group in np.split(order, cuts)
    ]
    return sorted(pieces, key=lambda piece: -piece.length)
