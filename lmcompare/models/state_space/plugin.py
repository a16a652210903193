"""The state-space language model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import latex_lines
from lmcompare.model import Idea
from lmcompare.models.common.state_model import StateModel
from lmcompare.models.common.state_network import StateNetwork
from lmcompare.models.state_space.network import StateSpaceLayer


@dataclass(eq=False, kw_only=True)
class StateSpace(StateModel):
    """A selective state-space model in the form of Mamba-2 (Gu and Dao 2023; Dao and Gu 2024).

    Each head carries a matrix S through the document: S_t = a_t S_{t-1} + Δ_t x_t b_tᵀ. Its output is S_t c_t +
    D x_t. How much is kept (a), how much is written (Δ), where it is written (b) and where it is read (c) are
    computed from the word that is read, and not from S. Therefore all words of a piece are computed at once, by
    products of matrices as in attention. The time to generate a text grows with its length, the memory does not.

    The settings of training are those of ``TunableLanguageModel``.

    Parameters
    ----------
    width : int, default=256
        The size of word vectors and of the inputs of layers.
    heads : int, default=8
        The number of heads in each layer.
    state_size : int, default=64
        How many numbers are kept for each dimension of the inner width.
    expand : int, default=2
        The inner width of a layer, as a multiple of ``width``.
    feed_forward : bool, default=False
        Whether a feed-forward network follows in each layer, as in a transformer. The authors have none.
    layers : int, default=3
        The number of layers.
    dropout : float, default=0.1
        Dropout on word vectors and on the output of each layer.
    """

    idea = Idea(2024, "Dao and Gu", "Transformers are SSMs")
    widths: ClassVar[tuple[str, ...]] = ("width",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"weight_decay": 1.5, "learning_rate": 0.015, "batch": 16, "steps": 130},
        "full": {"width": 384, "dropout": 0.3, "steps": 2000, "candidates": 2048},
    }
    equation: ClassVar[str] = latex_lines(
        r"\mathbf{S}_i &= a_i \mathbf{S}_{i-1} + \Delta_i \mathbf{x}_i \mathbf{b}_i^\top",
        r"\mathbf{y}_i &= \mathbf{S}_i \mathbf{c}_i + D \mathbf{x}_i",
    )
    saying: ClassVar[str] = (
        "Each head carries a state of fixed size. The word that is read decides what share of the old state is kept,"
        " how much of the word is written into it, where it is written, and where it is read. An RNN decides this"
        " from its state too; without that, all words can be computed at once."
    )
    write: ClassVar[str] = "Δ: how much of the word is written"

    width: int = 256
    heads: int = 8
    state_size: int = 64
    expand: int = 2
    feed_forward: bool = False
    layers: int = 3
    batch: int = 32
    optimiser: str = "muon"

    def __post_init__(self) -> None:
        self.check_whole(1, "width", "heads", "state_size")
        self.check_whole(1, "expand", "layers", most=1000)
        inner = self.expand * self.width
        if inner % self.heads:
            raise LmcompareError(
                f"expand times width must be a multiple of heads, not {inner} with {self.heads} heads"
            )
        super().__post_init__()

    def title(self) -> str:
        """Return the display name."""
        return "State space"

    def width_step(self) -> int:
        """Return ``heads``: each head has an equal share of the inner width."""
        return self.heads

    def network(self, types: int) -> StateNetwork:
        """Return the untrained network."""
        shape = self.width, self.heads, self.state_size, self.expand * self.width
        layers = [StateSpaceLayer(*shape) for _ in range(self.layers)]
        return StateNetwork(types, self.width, layers, self.dropout, feed_forward=self.feed_forward)
