"""The recurrent encoder-decoder as a causal language model: the encoder reads only words before those to predict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit
from lmcompare.model import SHORT_WINDOW, check_reach
from lmcompare.models.rnn.plugin import Recurrent
from lmcompare.models.rnn_attention.plugin import TRANSLATION
from lmcompare.models.rnn_encoder_decoder.exhibits import exhibits
from lmcompare.models.rnn_encoder_decoder.network import EncoderDecoderNetwork
from lmcompare.tokens import Encoded


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
        """Return the display name."""
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

    def check_text(self, train: Encoded) -> None:
        """Refuse a window or chunk longer than the longest document."""
        for name in ("window", "chunk"):
            check_reach(name, getattr(self, name), train, "document", SHORT_WINDOW)

    def width_step(self) -> int:
        """Return 2: each direction of the encoder has half of the state."""
        return 2

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the equation with numbers, the attention of a chunk, and the nearest words."""
        return exhibits(self, self.trained_as(EncoderDecoderNetwork), text)
