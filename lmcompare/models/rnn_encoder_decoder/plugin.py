"""The recurrent encoder-decoder as a causal language model: its hyper-parameters, and how it explains itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit, Heatmap
from lmcompare.models.common.sentences import Example, Line, readable
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.models.rnn.plugin import Recurrent
from lmcompare.models.rnn_attention.exhibits import attention_equation
from lmcompare.models.rnn_attention.plugin import TRANSLATION
from lmcompare.models.rnn_encoder_decoder.network import Alignment, EncoderDecoderNetwork
from lmcompare.tokens import Encoded, IntArray

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
        return EncoderDecoderNetwork(
            types,
            self.cell,
            self.width,
            self.hidden,
            self.attention,
            window=self.window,
            chunk=self.chunk,
            stride=self.stride or self.chunk,
            dropout=self.dropout,
        )

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


def _read(stride: int, text: Encoded) -> IntArray:
    """Return two sentences as one document, so that the chunk has words before it, cut where a group ends."""
    joined = np.concatenate(
        [np.zeros(0, np.int64), *(_closed(ids, text.vocabulary.end) for ids in readable(text, 2))]
    )
    inputs = len(joined) // stride * stride or len(joined)  # the document's beginning is an input too
    return joined[: max(inputs - 1, 0)]


def _closed(ids: IntArray, end: int) -> IntArray:
    """Return the sentence with its end, which a sentence that was cut lacks."""
    return ids if ids[-1] == end else np.append(ids, end)


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
