"""The textbook's encoder and decoder as an honest language model: what is read precedes what is predicted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit
from lmcompare.model import FloatArray
from lmcompare.models.rnn.network import CELLS
from lmcompare.models.rnn_encoder_decoder.network import EncoderDecoderNetwork
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TorchLanguageModel
from lmcompare.training.recipe import Recipe


@dataclass(frozen=True)
class Alignment:
    """What the decoder looks at in one chunk: ``first``, the place of the first of the T inputs that it reads, and
    ``weights`` (T, window) on the inputs at first - window + 1 … first, zero for those before the document's
    beginning; ``scores``, the same before the softmax, and ``contexts`` (T, hidden), what it takes from the encoder.
    """

    first: int
    weights: FloatArray
    scores: FloatArray
    contexts: FloatArray


class RnnEncoderDecoder(TorchLanguageModel):
    """An encoder reads the words before a chunk, and a decoder with additive attention over them predicts the chunk.

    The design of Bahdanau, Cho and Bengio (2015) without a second language: the encoder reads a window forwards and
    backwards, h_j = [→h_j; ←h_j]; the decoder begins with the encoder's last state and reads the chunk's words as it
    predicts them; e_tj = v · tanh(W s_t + U h_j), a_tj = softmax_j(e_tj), c_t = Σ_j a_tj h_j, and
    f_t = tanh(O [s_t; c_t]) feeds the softmax. The context joins after the decoder's recurrence (as in Luong et al.
    2015), so that all words of a chunk are worked out at once.

    What is visible: a document's input u is the word before its word u, input 0 its beginning. Words are predicted in
    groups of ``stride`` S: group k holds the words kS … kS + S - 1. For its word u the decoder reads the inputs
    a … u, with a = kS + S - ``chunk``, or 0 at the document's beginning; the encoder has read the ``window`` inputs
    that end with a. So word u sees the words a - ``window`` … u - 1 and nothing else; every word is predicted once,
    in training as in scoring, and nothing that is predicted has been read. With ``stride`` = ``chunk`` the chunks lie
    end to end, and the decoder of a chunk's first word has read one word; a smaller stride makes chunks overlap, of
    which only the last ``stride`` words count, having seen more of it, at ``chunk`` / ``stride`` times the cost.

    Parameters: ``cell``, "gru" or "lstm"; ``width``, of word vectors and features; ``hidden``, of the decoder's
    state, half of it for each direction of the encoder; ``attention``, the width of the additive scores; ``window``,
    inputs that the encoder reads; ``chunk``, words that a decoder runs over; ``stride``, words from chunk to chunk,
    None for as many as ``chunk``; ``dropout``, on word vectors, states and features. The others are those of
    ``Recipe``.
    """

    widths: ClassVar[tuple[str, ...]] = ("width", "hidden")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"batch": 16, "steps": 170},
        "full": {"width": 384, "hidden": 512, "dropout": 0.3, "steps": 2000, "candidates": 2048},
    }

    def __init__(
        self,
        cell: str = "lstm",
        width: int = 256,
        hidden: int = 256,
        attention: int = 64,
        window: int = 32,
        chunk: int = 16,
        stride: int | None = None,
        dropout: float = 0.1,
        steps: int = 1000,
        batch: int = 32,
        length: int = 64,
        alone: float = 0.0,
        learning_rate: float = 2e-2,
        optimiser: str = "adamw",
        weight_decay: float = 0.4,
        candidates: int = 768,
        full_share: float = 0.0,
        patience: int = 0,
        precision: str = "auto",
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            raise LmcompareError(f"cell is one of {', '.join(CELLS)}, not '{cell}'")
        if min(width, attention, window, chunk) < 1:
            raise LmcompareError("width, attention, window and chunk must be at least 1")
        if hidden < 2 or hidden % 2:
            raise LmcompareError(f"hidden must be even, not {hidden}: each direction of the encoder gets half")
        if stride is not None and not 1 <= stride <= chunk:
            raise LmcompareError(
                f"stride {stride} must lie in 1 … {chunk}, the chunk: with a longer one, words would go unpredicted"
            )
        self.cell, self.width, self.hidden, self.attention = cell, width, hidden, attention
        self.window, self.chunk, self.stride, self.dropout = window, chunk, stride, dropout
        self.steps, self.batch, self.length, self.learning_rate = steps, batch, length, learning_rate
        self.optimiser, self.weight_decay, self.precision = optimiser, weight_decay, precision
        self.candidates, self.full_share = candidates, full_share
        self.patience, self.alone = patience, alone
        self.check_settings()

    def title(self) -> str:
        """Return its name for people."""
        return "RNN encoder-decoder"

    def network(self, types: int) -> EncoderDecoderNetwork:
        """Return the untrained network."""
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
        """Return what its ``widths`` must be multiples of."""
        return 2

    def recipe(self) -> Recipe:
        """Return how it is trained."""
        return Recipe.of(self.hyperparameters())

    def alignment(self, ids: IntArray) -> Alignment:
        """Return what the decoder looks at that predicts what comes after a document of these ids."""
        network = self._ready()
        assert isinstance(network, EncoderDecoderNetwork)
        with torch.no_grad():
            groups = network.groups(network.inputs(ids), None)
            seen = network.attend(groups)
        first = int(groups.first[-1])
        read = len(ids) + 1 - first
        weights, scores, contexts = (x[-1, :read].cpu().numpy() for x in (seen.weights, seen.scores, seen.contexts))
        return Alignment(first, weights, scores, contexts)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield where the decoder looks in two sentences, the equation with numbers, and nearest words."""
        from lmcompare.models.rnn_encoder_decoder.exhibits import exhibits

        return exhibits(self, text)
