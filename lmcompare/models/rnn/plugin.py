"""The recurrent language model. The gain from attention is the improvement of ``rnn-attention`` over this model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lmcompare.exhibits import Exhibit
from lmcompare.model import Idea
from lmcompare.models.rnn.exhibits import exhibits
from lmcompare.models.rnn.network import BEST_KNOWN, CELLS, ELMAN, GRU, LSTM, MIN_GRU, QRNN, Recurrence, RnnNetwork
from lmcompare.tokens import Encoded
from lmcompare.training.language_model import TunableLanguageModel

NAMES = {ELMAN: "An Elman", GRU: "A GRU", LSTM: "An LSTM", MIN_GRU: "A minGRU", QRNN: "A QRNN"}
TITLES = {ELMAN: "Elman network", GRU: "GRU", LSTM: "LSTM", MIN_GRU: "minGRU", QRNN: "QRNN"}
IDEAS = {  # the language models, not the cells: the LSTM itself is of 1997
    ELMAN: Idea(2010, "Mikolov et al.", "Recurrent neural network based language model"),
    LSTM: Idea(2012, "Sundermeyer, Schlüter and Ney", "LSTM neural networks for language modeling"),
    GRU: Idea(2014, "Cho et al.", "Learning phrase representations using RNN encoder-decoder"),
    QRNN: Idea(2017, "Bradbury, Merity, Xiong and Socher", "Quasi-recurrent neural networks"),
    MIN_GRU: Idea(2024, "Feng, Tung, Ahmed, Bengio and Hajimirsadeghi", "Were RNNs all we needed?"),
}


@dataclass(eq=False, kw_only=True)
class Recurrent(TunableLanguageModel):
    """The base class of recurrent models, with the hyper-parameters that all of them have.

    Parameters
    ----------
    cell : {"gru", "lstm"}, default="lstm"
        The recurrent unit.
    width : int, default=256
        The size of word vectors and features.
    hidden : int, default=256
        The size of the hidden state.
    dropout : float, default=0.1
        Dropout on word vectors, states and features.
    """

    widths: ClassVar[tuple[str, ...]] = ("width", "hidden")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"batch": 16, "steps": 170},
        "full": {"width": 384, "hidden": 512, "dropout": 0.3, "steps": 2000, "candidates": 2048},
    }
    cells: ClassVar[tuple[str, ...]] = BEST_KNOWN

    cell: str = "lstm"
    width: int = 256
    hidden: int = 256
    batch: int = 32
    learning_rate: float = 2e-2

    def __post_init__(self) -> None:
        self.check_choice("cell", self.cells)
        self.check_whole(1, "width", "hidden")
        super().__post_init__()


@dataclass(eq=False, kw_only=True)
class Rnn(Recurrent):
    """An LSTM language model: it remembers the past in a hidden state of fixed size.

    s_i = LSTM(x_i, s_{i-1}) (Hochreiter and Schmidhuber 1997); the features f_i = tanh(O s_i) feed the softmax, whose
    word vectors are also the input vectors. The state is carried through the whole document.

    The other hyper-parameters are those of ``Recurrent`` and, for training, ``TunableLanguageModel``.

    Parameters
    ----------
    cell : {"lstm", "gru", "elman", "min-gru", "qrnn"}, default="lstm"
        The recurrent unit. "gru": Cho et al. (2014). "elman": s_i = tanh(W x_i + U s_{i-1}), without gates (Elman
        1990; as a language model Mikolov et al. 2010). "min-gru" (Feng et al. 2024) and "qrnn" (Bradbury et al. 2017)
        have gates that do not read the state, so that all products of matrices are computed at once.
    layers : int, default=1
        The number of recurrent layers.
    learning_rate : float, default=0.0
        The peak learning rate. 0 means 0.02, or 0.005 for an Elman network, which diverges at 0.02.
    """

    cells: ClassVar[tuple[str, ...]] = CELLS

    layers: int = 1
    learning_rate: float = 0.0

    def __post_init__(self) -> None:
        self.check_whole(1, "layers", most=1000)
        if self.learning_rate == 0:
            self.learning_rate = Recurrent.learning_rate / (4 if self.cell == ELMAN else 1)
        super().__post_init__()
        self.idea = IDEAS[self.cell]

    def title(self) -> str:
        return TITLES[self.cell]

    def summary(self) -> str:
        """Return the summary with the cell of this model."""
        return super().summary().replace("An LSTM", NAMES[self.cell], 1)

    def network(self, types: int) -> Recurrence:
        return RnnNetwork(types, self.cell, self.width, self.hidden, self.layers, self.dropout)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        return exhibits(self, self.trained_as(RnnNetwork), text)
