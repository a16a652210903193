"""The recurrent encoder-decoder as a causal language model: windows and chunks are cut out of documents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit, Heatmap
from lmcompare.model import FloatArray
from lmcompare.models.common.sentences import Example, Line, closed, readable
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.models.rnn.attention import TRANSLATION
from lmcompare.models.rnn.attention_exhibits import attention_equation
from lmcompare.models.rnn.network import Recurrent
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.network import Memory, Network, dropout
from lmcompare.training.softmax import Head

_SAYING = (
    "The encoder reads the words before the chunk in both directions and keeps a state for each. The decoder compares"
    " its state with each of these states, turns the scores into weights that sum to one, and predicts the next word"
    " from the weighted mean of the encoder's states and its own state."
)
WORKED = 6  # states in the worked equation


@dataclass(eq=False, kw_only=True)
class RnnEncoderDecoder(Recurrent):
    """An encoder reads the words before a chunk, and a decoder with additive attention over them predicts the chunk.

    The design of Bahdanau, Cho and Bengio (2015) without a second language. The encoder reads a window in both
    directions, h_j = [→h_j; ←h_j]. The decoder starts from the encoder's last state and reads the words of the chunk
    as it predicts them: e_tj = v · tanh(W s_t + U h_j), a_tj = softmax_j(e_tj), c_t = Σ_j a_tj h_j, and the features
    f_t = tanh(O [s_t; c_t]) feed the softmax. The context vector joins after the decoder's recurrence (as in Luong et
    al. 2015), so that all words of a chunk are computed at once.

    Visible inputs: input u of a document is the word before word u, and input 0 is the document's beginning. Words
    are predicted in groups of ``stride`` S; group k has the words kS … kS + S - 1. For word u of a group the decoder
    reads the inputs a … u, with a = kS + S - ``chunk``, or 0 at the document's beginning, and the encoder has read
    the ``window`` inputs that end with a. So word u sees the words a - ``window`` … u - 1 and nothing else. Each word
    is predicted once, in training and in scoring. If ``stride`` equals ``chunk``, the decoder of a chunk's first word
    has read one word; with a smaller stride, chunks overlap and only their last ``stride`` words count, for which the
    decoder has read more words, at ``chunk`` / ``stride`` times the cost.

    The other hyper-parameters are those of ``Recurrent`` and, for training, ``TunableLanguageModel``.

    Parameters
    ----------
    hidden : int, default=256
        The size of the decoder's state; each direction of the encoder has half of it.
    attention : int, default=64
        The width of the additive scores.
    window : int, default=32
        How many inputs the encoder reads.
    chunk : int, default=16
        How many words the decoder reads.
    stride : int or None, default=None
        The distance in words from one chunk to the next; None for ``chunk``.
    """

    idea = TRANSLATION
    reaches: ClassVar[tuple[str, ...]] = ("window", "chunk")

    attention: int = 64
    window: int = 32
    chunk: int = 16
    stride: int | None = None

    def __post_init__(self) -> None:
        self.check_whole(1, "attention")
        self.check_whole(1, "window", "chunk", most=10**5)
        if self.hidden < 2 or self.hidden % 2:
            raise LmcompareError(f"hidden must be even, not {self.hidden}: each direction of the encoder gets a half")
        if self.stride is not None:
            self.check_whole(1, "stride")
            if self.stride > self.chunk:
                raise LmcompareError(
                    f"stride must be from 1 to {self.chunk}, the length of a chunk, not {self.stride}: words between"
                    " the chunks would not be predicted"
                )
        super().__post_init__()

    def title(self) -> str:
        return "RNN encoder-decoder"

    def network(self, types: int) -> EncoderDecoderNetwork:
        return EncoderDecoderNetwork(types, self)

    def width_step(self) -> int:
        """Return 2: each direction of the encoder has half of the state."""
        return 2

    def exhibits(self, text: Encoded) -> Iterator[Exhibit]:
        """Yield the equation with numbers, the attention of a chunk, and the nearest words."""
        network = self.trained_as(EncoderDecoderNetwork)
        ids = _read(network.stride, text)
        if len(ids):
            example = Example(self, text, ids, len(ids) - 1)
            found = network.alignment(example.before)
            yield example.worked(
                attention_equation("additive", "s", "h", "t", r"\leq n"),
                _SAYING,
                _lines(example, found, network.window),
                where="for the states with the greatest weights. The text is two example sentences, read as one"
                " document",
                after=example.read[found.first :],
            )
            yield _map(network, Example(self, text, ids, len(ids)))
        yield tied_neighbours(self, text)


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

    def __init__(self, types: int, design: RnnEncoderDecoder) -> None:
        super().__init__()
        width, hidden, attention = design.width, design.hidden, design.attention
        self.window, self.chunk, self.dropout = design.window, design.chunk, design.dropout
        self.stride = design.stride or design.chunk
        self.room = max(self.piece, self.room * self.stride // self.chunk)  # every token is in chunk / stride chunks
        self.is_lstm = design.cell == "lstm"
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


def _read(stride: int, text: Encoded) -> IntArray:
    """Return two sentences as one document, so that the chunk has words before it, cut where a group ends."""
    joined = np.concatenate([np.zeros(0, np.int64), *(closed(ids, text.vocabulary.end) for ids in readable(text, 2))])
    inputs = len(joined) // stride * stride or len(joined)  # the document's beginning is an input too
    return joined[: max(inputs - 1, 0)]


def _map(network: EncoderDecoderNetwork, whole: Example) -> Heatmap:
    found = network.alignment(whole.ids)
    seen = range(max(0, found.first + 1 - network.window), found.first + 1)
    weights = found.weights[:, network.window - len(seen) :]
    return Heatmap(
        title="Where its decoder looks",
        note="A cell is the weight of an encoder's state: how much it contributes to the prediction of the next word"
        " of the chunk. The text is two example sentences, read as one document; long sentences are cut.",
        rows=whole.read[found.first :],
        columns=tuple(whole.read[j] for j in seen),
        panels=("additive attention",),
        values=(tuple(tuple(float(w) for w in row) for row in weights),),
        row_axis="decoder, after reading",
        column_axis="encoder's state at",
    )


def _lines(example: Example, found: Alignment, window: int) -> list[Line]:
    scores, weights, context = found.scores[-1], found.weights[-1], found.contexts[-1]
    most = np.sort(np.argsort(-weights, kind="stable")[: min(WORKED, int((weights > 0).sum()))])
    words = {int(j): example.read[found.first - window + 1 + int(j)] for j in most}
    return [
        *((f"e: the score of the state after '{word}'", float(scores[j])) for j, word in words.items()),
        *((f"a: the weight of '{word}'", float(weights[j])) for j, word in words.items()),
        ("all other weights together", float(1 - weights[most].sum())),
        ("‖c‖: the length of the context vector", float(np.linalg.norm(context))),
    ]
