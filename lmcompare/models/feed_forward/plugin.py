"""The feed-forward language model: Bengio's of 2003, the log-bilinear model, and a current one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit
from lmcompare.model import SHORT_WINDOW, FloatArray, Idea, Setting, check_reach
from lmcompare.models.common.places import Places, measured
from lmcompare.models.feed_forward.exhibits import exhibits
from lmcompare.models.feed_forward.network import BengioNetwork, LogBilinearNetwork, ResidualNetwork, WindowNetwork
from lmcompare.tokens import Encoded
from lmcompare.training.tunable import TunableLanguageModel

BENGIO, BILINEAR, RESIDUAL = STYLES = ("bengio", "log-bilinear", "residual")


NEURAL = Idea(2003, "Bengio, Ducharme, Vincent and Jauvin", "A neural probabilistic language model")
LOG_BILINEAR = Idea(2007, "Mnih and Hinton", "Three new graphical models for statistical language modelling")


@dataclass(eq=False, kw_only=True)
class FeedForward(TunableLanguageModel):
    """A feed-forward language model: the vectors of the last words side by side, and layers above them.

    The first neural language model that was better than n-grams (Bengio, Ducharme, Vincent and Jauvin 2003). As in an
    n-gram model the context is a window of fixed length, in which each position has weights of its own; but words are
    vectors, so that what is learned about a context also serves contexts of similar words.

    The settings of training are those of ``TunableLanguageModel``.

    Parameters
    ----------
    style : {"residual", "bengio", "log-bilinear"}, default="residual"
        "bengio" is as published: one layer of tanh units, and different vectors for words that are read and for
        words that are predicted. "log-bilinear" (Mnih and Hinton 2007) predicts the vector of the next word by a
        matrix for each position. "residual" has residual layers with layer norm, as such models are built today.
    context : int, default=12
        The number of words that are read: n - 1 in an n-gram model.
    width : int, default=256
        The size of word vectors, and of the layers of "residual".
    hidden : int, default=256
        The number of tanh units of "bengio"; the other styles do not use it.
    direct : bool, default=False
        Whether "bengio" also has direct connections from word vectors to the softmax.
    layers : int, default=2
        The number of residual layers of "residual".
    dropout : float, default=0.1
        Dropout on word vectors and on the output of each layer.
    """

    widths: ClassVar[tuple[str, ...]] = ("width", "hidden")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"context": 5, "dropout": 0.3, "weight_decay": 1.5, "batch": 16, "steps": 170},
        "full": {"width": 384, "dropout": 0.3, "steps": 2000, "candidates": 2048},
    }

    style: str = RESIDUAL
    context: int = 12
    width: int = 256
    hidden: int = 256
    direct: bool = False
    layers: int = 2
    batch: int = 32
    optimiser: str = "muon"

    def __post_init__(self) -> None:
        self.check_choice("style", STYLES)
        self.check_whole(1, "width", "hidden")
        self.check_whole(1, "context", "layers", most=1000)
        if self.direct and self.style != BENGIO:
            raise LmcompareError(f'direct = true is for style = "{BENGIO}" only')
        if self.layers != type(self).layers and self.style != RESIDUAL:
            raise LmcompareError(f'layers is for style = "{RESIDUAL}" only: leave it out')
        super().__post_init__()
        self.idea = LOG_BILINEAR if self.style == BILINEAR else NEURAL

    def title(self) -> str:
        """Return the display name."""
        return {
            BENGIO: "Feed-forward network of 2003",
            BILINEAR: "Log-bilinear model",
            RESIDUAL: "Feed-forward network",
        }[self.style]

    def network(self, types: int) -> WindowNetwork:
        """Return the untrained network."""
        if self.style == BENGIO:
            return BengioNetwork(types, self.width, self.context, self.hidden, self.dropout, direct=self.direct)
        if self.style == BILINEAR:
            return LogBilinearNetwork(types, self.width, self.context, self.dropout)
        return ResidualNetwork(types, self.width, self.context, self.layers, self.dropout)

    def trained_window(self) -> WindowNetwork:
        """Return the trained network."""
        network = self.trained_network()
        assert isinstance(network, WindowNetwork)
        return network

    def check_text(self, train: Encoded) -> None:
        """Refuse a window longer than the longest document."""
        check_reach("context", self.context, train, "document", SHORT_WINDOW)

    def measure(self, train: Encoded, valid: Encoded, setting: Setting) -> Mapping[str, Any]:
        """Measure on the validation text what each word of the window is worth."""
        return asdict(measured(self.trained_network(), valid, self.context))

    def word_vectors(self) -> FloatArray:
        """Return the (V, d) vectors of the words that are read."""
        network = self.trained_window()
        table = network.get_parameter(network.table)
        vectors: FloatArray = table[: network.head.types].detach().cpu().numpy()
        return vectors

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the worked equation, what each word of the window is worth, and the nearest words."""
        return exhibits(self, self.trained_window(), Places(**self.measured), text)
