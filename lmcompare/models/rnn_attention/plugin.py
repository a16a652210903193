"""The recurrent language model with additive attention over its own past states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit
from lmcompare.model import Setting
from lmcompare.models.rnn.plugin import Rnn
from lmcompare.models.rnn_attention.attention_reach import Reach, measured
from lmcompare.models.rnn_attention.exhibits import exhibits
from lmcompare.models.rnn_attention.network import AttentiveRnnNetwork
from lmcompare.tokens import Encoded


@dataclass(eq=False, kw_only=True)
class RnnAttention(Rnn):
    """A GRU or LSTM language model with additive attention over its own past states.

    The attention is that of Bahdanau, Cho and Bengio (2015): e_ij = v · tanh(W s_i + U s_j), a_ij = softmax_j(e_ij),
    c_i = Σ_j a_ij s_j. It attends to the ``window`` states before i, after the recurrence, so it cannot see anything
    that is still to be predicted; the features f_i = tanh(O [s_i; c_i]) then feed the softmax. The state and the past
    states are carried through the whole document. Without attention the model is ``Rnn``.

    Parameters
    ----------
    cell : {"gru", "lstm"}, default="lstm"
        The recurrent unit.
    width : int, default=256
        The size of word vectors and features.
    hidden : int, default=256
        The size of the hidden state.
    layers : int, default=1
        Recurrent layers.
    attention : int, default=16
        The width of the additive scores.
    window : int, default=128
        How many past states the attention sees.
    dropout : float, default=0.1
        Dropout on word vectors, states and features.
    steps : int, default=1000
        Optimiser steps; a budget of the run overrides them.
    batch : int, default=32
        Documents read side by side.
    length : int, default=64
        Tokens of each document read in a step.
    alone : float, default=0.0
        The share of steps that read single sentences as documents of their own.
    learning_rate : float, default=0.02
        The peak learning rate.
    optimiser : {"adamw", "muon"}, default="adamw"
        AdamW for all weights, or Muon for the matrices inside the network.
    weight_decay : float, default=0.4
        The decay of matrices.
    candidates : int, default=768
        Negative samples of the sampled softmax in training; 0 trains with the full softmax.
    full_share : float, default=0.0
        The last share of the run, which is trained with the full softmax.
    patience : int, default=0
        Evaluations without improvement after which training stops; 0 never stops early.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        The precision of training; "auto" takes bfloat16 if it is measured to be faster.
    """

    attention: int = 16
    window: int = 128

    def __post_init__(self) -> None:
        if min(self.attention, self.window) < 1:
            raise LmcompareError("attention and window must be at least 1; the model without attention is rnn")
        super().__post_init__()

    def title(self) -> str:
        """Return the display name."""
        return "RNN with attention"

    def network(self, types: int) -> AttentiveRnnNetwork:
        """Return the untrained network."""
        return AttentiveRnnNetwork(
            types, self.cell, self.width, self.hidden, self.layers, self.attention, self.window, self.dropout
        )

    def measure(self, train: Encoded, valid: Encoded, setting: Setting) -> Mapping[str, Any]:
        """Measure how far back the attention looks on the validation text and what it gains."""
        return asdict(measured(self.trained_as(AttentiveRnnNetwork), valid))

    def reach(self) -> Reach:
        """Return the result of ``measure``: how far back the attention looks and what it gains."""
        return Reach(**self.measured)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the equation with numbers, the attention over two sentences, its reach, and the nearest words."""
        return exhibits(self, self.trained_as(AttentiveRnnNetwork), self.reach(), text)
