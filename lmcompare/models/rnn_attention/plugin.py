"""The recurrent language model with attention over its own past states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit
from lmcompare.model import Idea, Setting
from lmcompare.models.rnn.plugin import Rnn
from lmcompare.models.rnn_attention.exhibits import Reach, exhibits, measured
from lmcompare.models.rnn_attention.network import SCORES, AttentiveRnnNetwork
from lmcompare.tokens import Encoded

TRANSLATION = Idea(
    2015, "Bahdanau, Cho and Bengio", "Neural machine translation by jointly learning to align and translate"
)


@dataclass(eq=False, kw_only=True)
class RnnAttention(Rnn):
    """An LSTM language model with attention over its own past states.

    By default the attention is that of Bahdanau, Cho and Bengio (2015): e_ij = v · tanh(W s_i + U s_j),
    a_ij = softmax_j(e_ij), c_i = Σ_j a_ij s_j. It attends to the ``window`` states before i, after the recurrence, so
    it cannot see any word that is still to be predicted; the features f_i = tanh(O [s_i; c_i]) then feed the softmax.
    The state and the past states are carried through the whole document. Without attention the model is ``Rnn``.

    The other hyper-parameters are those of ``Rnn``.

    Parameters
    ----------
    scores : {"additive", "multiplicative", "even"}, default="additive"
        How a state is compared with a past one. "multiplicative": e_ij = (W s_i) · (U s_j) / √attention (Luong, Pham
        and Manning 2015; Vaswani et al. 2017). "even": e_ij = 0, so that c is the mean of the states.
    attention : int, default=16
        The size of the vectors that are compared.
    window : int, default=128
        How many past states the attention sees.
    """

    reaches: ClassVar[tuple[str, ...]] = ("window",)

    scores: str = "additive"
    attention: int = 16
    window: int = 128

    def __post_init__(self) -> None:
        if 0 in (self.attention, self.window):
            raise LmcompareError("attention and window must be at least 1; for a network without attention use rnn")
        self.check_choice("scores", tuple(SCORES))
        self.check_whole(1, "attention")
        self.check_whole(1, "window", most=10**5)
        super().__post_init__()
        self.idea = TRANSLATION

    def title(self) -> str:
        return "RNN with attention" if self.scores == "additive" else f"RNN with {self.scores} attention"

    def network(self, types: int) -> AttentiveRnnNetwork:
        recurrence = (self.cell, self.width, self.hidden, self.layers)
        return AttentiveRnnNetwork(types, *recurrence, self.scores, self.attention, self.window, self.dropout)

    def measure(self, train: Encoded, valid: Encoded, setting: Setting) -> Mapping[str, Any]:
        """Measure how far back the attention looks on the validation text and what it gains."""
        return asdict(measured(self.trained_as(AttentiveRnnNetwork), valid))

    def reach(self) -> Reach:
        """Return the result of ``measure``: how far back the attention looks and what it gains."""
        return Reach(**self.measured)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        return exhibits(self, self.trained_as(AttentiveRnnNetwork), self.reach(), text)
