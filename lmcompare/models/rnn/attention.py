"""The recurrent network with attention over its own past states (Bahdanau, Cho and Bengio 2015).

For word i with the vector x_i of a document, d numbers, with states of H numbers and scores made of A numbers:

    s_i  = LSTM(x_i, s_{i-1})               the state after the word
    e_ij = v · tanh(W s_i + b + U s_j)      how well the state j fits the state i, for the ``window`` states before i
    a_ij = exp(e_ij) / Σ_k exp(e_ik)        its weight
    c_i  = Σ_j a_ij s_j                     the context vector
    f_i  = tanh(O [s_i; c_i] + o)           the features, whose products with the d numbers of each word's vector
                                            are its scores in the softmax for word i + 1

In the paper a decoder attends to the states of an encoder, and what it finds enters its next state. Here a model
attends to its own past, after the recurrence: no state depends on it, so all are computed first, and then all weights
of B documents and T words at once. The equations of the LSTM are in ``network.py``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit
from lmcompare.model import Idea, Setting
from lmcompare.models.rnn.additive_scores import additive_scores
from lmcompare.models.rnn.attention_exhibits import Reach, exhibits, measured
from lmcompare.models.rnn.network import Recurrence, Rnn
from lmcompare.tokens import Encoded
from lmcompare.training.network import Memory

SCORES = ("additive", "multiplicative", "even")
TRANSLATION = Idea(
    2015, "Bahdanau, Cho and Bengio", "Neural machine translation by jointly learning to align and translate"
)


@dataclass(eq=False, kw_only=True)
class RnnAttention(Rnn):
    """An LSTM language model with attention over its own past states.

    By default the attention is that of Bahdanau, Cho and Bengio (2015). It sees the ``window`` states before a word,
    which are carried through the whole document. Without attention the model is ``Rnn``.

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
        self.check_choice("scores", SCORES)
        self.check_whole(1, "attention")
        self.check_whole(1, "window", most=10**5)
        super().__post_init__()
        self.idea = TRANSLATION

    def title(self) -> str:
        return "RNN with attention" if self.scores == "additive" else f"RNN with {self.scores} attention"

    def network(self, types: int) -> AttentiveRnnNetwork:
        return AttentiveRnnNetwork(types, self)

    def measure(self, train: Encoded, valid: Encoded, setting: Setting) -> Mapping[str, Any]:
        """Measure how far back the attention looks on the validation text and what it gains."""
        return asdict(measured(self.trained_as(AttentiveRnnNetwork), valid))

    def reach(self) -> Reach:
        """Return the result of ``measure``."""
        return Reach(**self.measured)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        return exhibits(self, self.trained_as(AttentiveRnnNetwork), self.reach(), text)


class WindowAttention(nn.Module):
    """Attention of each state to the ``window`` states before it; A is ``width``."""

    def __init__(self, kind: str, hidden: int, width: int, window: int) -> None:
        super().__init__()
        self.kind, self.window = kind, window
        self.scale = 1 / math.sqrt(width) if kind == "multiplicative" else 1.0  # the factor of the products
        if kind != "even":
            self.W = nn.Linear(hidden, width, bias=kind == "additive")
            self.U = nn.Linear(hidden, width, bias=False)
        if kind == "additive":
            self.v = nn.Parameter(torch.randn(width).div_(width**0.5))

    def scores(self, states: Tensor, before: Tensor) -> Tensor:
        """Return e (B, T, window): row t with the rows t … t + window - 1 of ``before`` (B, window + T - 1, H)."""
        if self.kind == "even":
            return states.new_zeros(*states.shape[:2], self.window)
        query, keys = self.W(states), self.U(before)  # (B, T, A) and (B, window + T - 1, A)
        if self.kind == "additive":
            # v · tanh(query + key) for each pair, without one large tensor of the sums
            return additive_scores(query.to(self.v.dtype), keys.to(self.v.dtype), self.v)
        return band_of(query @ keys.transpose(1, 2), self.window) / math.sqrt(self.W.out_features)

    def compared(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return queries and keys (B, T, A) of states (B, T, H), from which the scores are computed."""
        if self.kind == "even":
            return (states.new_zeros(*states.shape[:2], 1),) * 2
        return self.W(states), self.U(states)

    def forward(
        self, states: Tensor, past: Tensor, filled: Tensor, reach: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the context vectors c and the weights a.

        Parameters
        ----------
        states : (B, T, H) Tensor
            The states that attend.
        past : (B, window, H) Tensor
            The states before them.
        filled : (B,) Tensor
            How many of the last states of ``past`` are valid.
        reach : int or None, default=None
            How many states back the attention may look; None for the whole window.

        Returns
        -------
        contexts : (B, T, H) Tensor
        weights : (B, T, window) Tensor
            The last column is the weight of the state just before. Weights and context are zero at a position
            without a past state.
        """
        before = torch.cat([past, states[:, :-1]], 1)  # (B, window + T - 1, H)
        column = torch.arange(self.window, device=states.device)
        place = column + torch.arange(states.shape[1], device=states.device)[:, None]  # (T, window), in ``before``
        there = place[None] >= self.window - filled[:, None, None]  # (B, T, window): whether such a state exists
        if reach is not None:
            there = there & (column >= self.window - reach)
        # -1e9 and not -∞, which would give 0 / 0 for the first word, and then 0 for what is not there
        weights = torch.softmax(self.scores(states, before).masked_fill(~there, -1e9), -1) * there
        return banded(weights) @ before, weights


class AttentiveRnnNetwork(Recurrence):
    """A recurrent network with attention over the past of its last layer."""

    def __init__(self, types: int, design: RnnAttention) -> None:
        super().__init__(types, design)
        self.window = design.window
        self.attention = WindowAttention(design.scores, design.hidden, design.attention, design.window)
        self.output = nn.Linear(2 * design.hidden, design.width)

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, d) and the memory.

        The memory is that of ``states``, and ``past`` (B, window, H), the last layer's states, of which the last
        ``filled`` (B,) are valid.
        """
        states, left = self.states(inputs, memory)
        if memory is None:
            past, filled = self.no_past(states)
        else:
            past, filled = memory["past"].to(states.dtype), memory["filled"]
        features, _ = self.look_back(states, past, filled)
        left["past"] = torch.cat([past, states], 1)[:, -self.window :].float()
        left["filled"] = (filled + inputs.shape[1]).clamp(max=self.window)
        return features, left

    def no_past(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return the past at a document's beginning, for states (B, T, H): zeros (B, window, H) and (B,)."""
        rows, _, hidden = states.shape
        return states.new_zeros(rows, self.window, hidden), states.new_zeros(rows, dtype=torch.int64)

    def look_back(
        self, states: Tensor, past: Tensor, filled: Tensor, reach: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the features f (B, T, d), tanh of ``output``, and the weights (B, T, window); see the attention."""
        context, weights = self.attention(states, past, filled, reach)
        return self.features(torch.cat([states, context.to(states.dtype)], -1)), weights

    def in_page(self) -> list[dict[str, Any]]:
        look = {"type": "look-back", "scores": self.attention.kind, "name": "attention", "window": self.window}
        return [*self._recurrent_layers(), look, {"type": "linear", "name": "output"}, {"type": "tanh"}]


def band_of(pairs: Tensor, window: int) -> Tensor:
    """Return (B, T, W): the columns t … t + W - 1 of each row t of (B, T, W + T - 1), where ``banded`` puts them."""
    rows, length, across = pairs.shape
    return pairs.contiguous().as_strided((rows, length, window), (length * across, across + 1, 1))


def banded(weights: Tensor) -> Tensor:
    """Return (B, T, W) as (B, T, W + T - 1) with row t shifted right by t, for one matrix product with the states.

    For W = 2 and T = 3, the rows a b, c d and e f become a b 0 0, 0 c d 0 and 0 0 e f.
    """
    rows, length, window = weights.shape
    across = window + length - 1
    padded = functional.pad(weights, (0, across + 1 - window))  # one more column shifts the next row by one
    return padded.reshape(rows, -1)[:, : length * across].reshape(rows, length, across)
