"""A recurrent net, and nothing else: what attention adds is what another model has over this one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit
from lmcompare.models.rnn.network import CELLS, Gates, Recurrence, RnnNetwork, gates
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TorchLanguageModel
from lmcompare.training.network import Network
from lmcompare.training.recipe import Recipe


class Rnn(TorchLanguageModel):
    """A GRU or LSTM language model: all it knows of the past is a state of fixed size.

    s_i = LSTM(x_i, s_{i-1}) (Hochreiter and Schmidhuber 1997) or GRU (Cho et al. 2014); f_i = tanh(O s_i) feeds the
    softmax, whose vectors are those that are read. The state goes on through the whole document.

    Parameters: ``cell``, "gru" or "lstm"; ``width``, of word vectors and features; ``hidden``, of the state;
    ``layers``, of the recurrence; ``dropout``, on word vectors, states and features. The others are those of
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
        layers: int = 1,
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
        if min(width, hidden, layers) < 1:
            raise LmcompareError("width, hidden and layers must be at least 1")
        self.cell, self.width, self.hidden, self.layers, self.dropout = cell, width, hidden, layers, dropout
        self.steps, self.batch, self.length, self.learning_rate = steps, batch, length, learning_rate
        self.optimiser, self.weight_decay, self.precision = optimiser, weight_decay, precision
        self.candidates, self.full_share = candidates, full_share
        self.patience, self.alone = patience, alone
        self.check_settings()

    def title(self) -> str:
        """Return its name for people."""
        return "RNN"

    def summary(self) -> str:
        """Return what it is, with its own cell."""
        return super().summary().replace("A GRU or LSTM", {"gru": "A GRU", "lstm": "An LSTM"}[self.cell])

    def network(self, types: int) -> Network:
        """Return the untrained network."""
        return RnnNetwork(types, self.cell, self.width, self.hidden, self.layers, self.dropout)

    def recipe(self) -> Recipe:
        """Return how it is trained."""
        return Recipe.of(self.hyperparameters())

    def gates(self, ids: IntArray) -> Gates:
        """Return what the last layer's gates do as a document of these ids is read: T = len + 1 inputs."""
        network = self._ready()
        assert isinstance(network, Recurrence)
        return gates(network, network.inputs(ids)[0])

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield what its gates do in a sentence, the equation with numbers, and nearest words."""
        from lmcompare.models.rnn.exhibits import exhibits

        return exhibits(self, text)
