"""The convolutional language model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from lmcompare.exhibits import Exhibit
from lmcompare.model import SHORT_WINDOW, Idea, Setting, check_reach
from lmcompare.models.cnn.exhibits import exhibits
from lmcompare.models.cnn.network import ConvolutionalNetwork
from lmcompare.models.common.places import Places, measured
from lmcompare.tokens import Encoded
from lmcompare.training.tunable import TunableLanguageModel


@dataclass(eq=False, kw_only=True)
class Cnn(TunableLanguageModel):
    """A convolutional language model: gated convolutions over the words before (Dauphin et al. 2017).

    Each layer reads a window of the last ``kernel`` vectors of the layer below and adds (A x + a) · σ(B x + b) to the
    last of them. It has no state and no attention: each layer lets it see ``kernel`` - 1 words more, and all words of
    a text are computed at once. The authors normalise the weights; here, a layer norm normalises the inputs of a
    layer.

    The settings of training are those of ``TunableLanguageModel``.

    Parameters
    ----------
    width : int, default=256
        The size of word vectors and layers.
    kernel : int, default=3
        The number of vectors that a layer reads.
    layers : int, default=4
        The number of layers.
    dropout : float, default=0.1
        Dropout on word vectors and on the output of each layer.
    """

    idea = Idea(2017, "Dauphin, Fan, Auli and Grangier", "Language modeling with gated convolutional networks")
    widths: ClassVar[tuple[str, ...]] = ("width",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"dropout": 0.2, "weight_decay": 1.5, "learning_rate": 0.015, "batch": 16, "steps": 150},
        "full": {"width": 384, "dropout": 0.3, "steps": 2000, "candidates": 2048},
    }

    width: int = 256
    kernel: int = 3
    layers: int = 4
    batch: int = 32
    optimiser: str = "muon"

    def __post_init__(self) -> None:
        self.check_whole(1, "width")
        self.check_whole(1, "layers", most=1000)
        self.check_whole(1, "kernel", most=10**5)
        super().__post_init__()

    @property
    def reach(self) -> int:
        """The number of words that a prediction can depend on."""
        return self.layers * (self.kernel - 1) + 1

    def title(self) -> str:
        """Return the display name."""
        return "Convolutional network"

    def network(self, types: int) -> ConvolutionalNetwork:
        """Return the untrained network."""
        return ConvolutionalNetwork(types, self.width, self.kernel, self.layers, self.dropout)

    def check_text(self, train: Encoded) -> None:
        """Refuse a kernel longer than the longest document."""
        check_reach("kernel", self.kernel, train, "document", SHORT_WINDOW)

    def measure(self, train: Encoded, valid: Encoded, setting: Setting) -> Mapping[str, Any]:
        """Measure on the validation text what the word at each distance is worth."""
        return asdict(measured(self.trained_network(), valid, self.reach))

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the worked equation of one unit, what its gates do, what words are worth, and the nearest words."""
        return exhibits(self, self.trained_as(ConvolutionalNetwork), Places(**self.measured), text)
