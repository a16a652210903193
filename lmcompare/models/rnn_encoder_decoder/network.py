"""The encoder-decoder network: windows and chunks are cut out of documents and computed side by side."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lmcompare.model import FloatArray
from lmcompare.tokens import IntArray
from lmcompare.training.network import Memory, Network, dropout
from lmcompare.training.softmax import Head


@dataclass(frozen=True)
class Groups:
    """The N groups of words that are predicted in a piece of text.

    Parameters
    ----------
    windows : (N, W) Tensor
        The inputs that the encoder reads.
    chunks : (N, C) Tensor
        The inputs that the decoder reads.
    there : (N, W) Tensor of bool
        Which inputs of the window are in the document and were read.
    first : (N,) Tensor
        The position of the decoder's first input in the document.
    group, step : (B, T) Tensor
        The group, and the step of its decoder, that predict the word after each input of the piece.
    """

    windows: Tensor
    chunks: Tensor
    there: Tensor
    first: Tensor
    group: Tensor
    step: Tensor


@dataclass(frozen=True)
class Alignment:
    """The attention of the decoder in one chunk.

    Parameters
    ----------
    first : int
        The position of the first of the T inputs that the decoder reads.
    weights, scores : (T, window) array
        The attention to the inputs first - window + 1 … first, after and before the softmax; the weight is zero
        before the document's beginning.
    contexts : (T, hidden) array
        The context vectors.
    """

    first: int
    weights: FloatArray
    scores: FloatArray
    contexts: FloatArray


class EncoderDecoderNetwork(Network):
    """Word vectors, an encoder in both directions over windows, a decoder over chunks, and additive attention.

    The memory keeps only the last inputs, from which windows and chunks are cut again, so what a position sees does
    not depend on where the text is cut into pieces.

    Attributes
    ----------
    ahead : int
        How many inputs after the decoder's first input the encoder reads, as far as they exist; 0 is causal.
    """

    ahead: int = 0

    def __init__(
        self,
        types: int,
        cell: str,
        width: int,
        hidden: int,
        attention: int,
        *,
        window: int,
        chunk: int,
        stride: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.window, self.chunk, self.stride, self.dropout = window, chunk, stride, dropout
        self.room = max(self.piece, self.room * stride // chunk)  # every token is in chunk / stride chunks
        self.is_lstm = cell == "lstm"
        self.head = Head(types, width)
        kind = nn.LSTM if self.is_lstm else nn.GRU
        self.encoder = kind(width, hidden // 2, batch_first=True, bidirectional=True)
        self.decoder = kind(width, hidden, batch_first=True)
        self.bridge = nn.Linear(hidden, hidden)
        self.W = nn.Linear(hidden, attention)
        self.U = nn.Linear(hidden, attention, bias=False)
        self.v = nn.Parameter(torch.randn(attention).div_(attention**0.5))
        self.output = nn.Linear(2 * hidden, width)

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, width) and the memory.

        The memory is ``words`` (B, window + chunk - 2), the last inputs, and ``read`` (B,), how many inputs of the
        document have been read.
        """
        groups = self.groups(inputs, memory)
        states, _, _, contexts = self.attend(groups)
        both = torch.cat([states, contexts.to(states.dtype)], -1)  # (N, C, 2H)
        features = torch.tanh(self.output(both[groups.group, groups.step]))  # (B, T, width)
        memory = self._nothing_read(inputs) if memory is None else memory
        words = self.words_read(inputs, memory)[:, inputs.shape[1] :]
        left = {"words": words, "read": memory["read"] + inputs.shape[1]}
        return dropout(features, self.dropout, self.training), left

    def words_read(self, inputs: Tensor, memory: Memory | None) -> Tensor:
        """Return the inputs and those that the memory keeps."""
        memory = self._nothing_read(inputs) if memory is None else memory
        return torch.cat([memory["words"], inputs], 1)

    def groups(self, inputs: Tensor, memory: Memory | None) -> Groups:
        """Return the windows and chunks that predict the word after each of the (B, T) inputs."""
        memory = self._nothing_read(inputs) if memory is None else memory
        rows, length = inputs.shape
        read = memory["read"][:, None]  # (B, 1)
        place = read + torch.arange(length, device=inputs.device)  # (B, T), the place of an input in its document
        index = place // self.stride - read // self.stride  # (B, T), groups since the first of the piece
        most = int(index.max()) + 1
        number = read // self.stride + torch.arange(most, device=inputs.device)  # (B, G)
        number = torch.minimum(number, place[:, -1:] // self.stride)  # a row with fewer groups repeats its last one
        first = ((number + 1) * self.stride - self.chunk).clamp(min=0)  # (B, G)
        words = self.words_read(inputs, memory)  # (B, K + T)
        behind = memory["words"].shape[1] - read[..., None]  # the shift of a document's positions to ``words``
        ends = first[..., None] + self.ahead
        around = torch.arange(1 - self.window, 1, device=inputs.device) + ends  # (B, G, W)
        ahead = torch.arange(self.chunk, device=inputs.device) + first[..., None]  # (B, G, C)

        def at(places: Tensor) -> Tensor:
            # Positions outside the document are masked, or follow everything that the chunk predicts.
            clamped = (places + behind).clamp(0, words.shape[1] - 1).flatten(1)
            return words.gather(1, clamped).flatten()

        return Groups(
            windows=at(around).view(-1, self.window),
            chunks=at(ahead).view(-1, self.chunk),
            there=((around >= 0) & (around + behind < words.shape[1])).view(-1, self.window),
            first=first.flatten(),
            group=index + most * torch.arange(rows, device=inputs.device)[:, None],
            step=place - first.gather(1, index),
        )

    def attend(self, groups: Groups) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Encode the windows, decode the chunks and attend from the chunks to the windows.

        Returns
        -------
        states : (N, C, H) Tensor
            The decoder's states.
        scores, weights : (N, C, W) Tensor
            The attention before and after the softmax.
        contexts : (N, C, H) Tensor
            The context vectors.
        """
        windows = self.head.embed(groups.windows) * groups.there[..., None]  # zero before the document's beginning
        encoded, _ = self.encoder(dropout(windows, self.dropout, self.training))  # (N, W, H)
        encoded = dropout(encoded, self.dropout, self.training)
        begin = torch.tanh(self.bridge(encoded[:, -1]))[None]  # (1, N, H)
        given = (begin, torch.zeros_like(begin)) if self.is_lstm else begin
        read = dropout(self.head.embed(groups.chunks), self.dropout, self.training)
        states, _ = self.decoder(read, given)  # (N, C, H)
        states = dropout(states, self.dropout, self.training)
        # tanh x = 2σ(2x) - 1: torch computes the logistic function several times faster on processors
        logistic = torch.sigmoid(2 * (self.W(states)[:, :, None] + self.U(encoded)[:, None]))  # (N, C, W, A)
        scores = 2 * (logistic @ self.v.to(logistic.dtype)) - self.v.sum()
        weights = torch.softmax(scores.masked_fill(~groups.there[:, None], -torch.inf), -1)
        return states, scores, weights, weights.to(encoded.dtype) @ encoded

    @torch.no_grad()
    def alignment(self, ids: IntArray) -> Alignment:
        """Return the attention of the decoder when it predicts the word after a document of these ids."""
        groups = self.groups(self.inputs(ids), None)
        first = int(groups.first[-1])
        read = len(ids) + 1 - first
        _, scores, weights, contexts = (each[-1, :read].cpu().numpy() for each in self.attend(groups))
        return Alignment(first, weights, scores, contexts)

    def _nothing_read(self, inputs: Tensor) -> Memory:
        rows = len(inputs)
        words = inputs.new_zeros(rows, self.window + self.chunk - 2)  # masked
        return {"words": words, "read": inputs.new_zeros(rows)}
