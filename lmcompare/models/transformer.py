"""A decoder-only transformer: causal self-attention, and nothing but attention, over the document's past."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from lmcompare.errors import LmcompareError
from lmcompare.models.self_attention import POSITIONS, TransformerNetwork
from lmcompare.training.language_model import TorchLanguageModel
from lmcompare.training.recipe import Recipe


class Transformer(TorchLanguageModel):
    """A pre-norm causal transformer (Vaswani et al. 2017) with a window that slides along the document.

    Each layer adds attention and then a feed-forward net to what it was given: x + O(softmax(Q Kᵀ / √d) V), where Q,
    K and V are the query, key and value projections of the normalised x. A position attends to itself and the
    ``window`` - 1 positions before it in its document, at every layer, so words up to layers · (window - 1) back can
    reach it.

    Parameters: ``width``, of word vectors and layers; ``heads``, of attention; ``layers``; ``window``, positions that
    one attends to; ``positions``, "rotary" (Su et al. 2021), "learned" (a vector a place, places counted modulo
    ``window``), "sinusoidal" (Vaswani et al. 2017) or "none"; ``dropout``, on word vectors and what each layer adds.
    The others are those of ``Recipe``.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def __init__(
        self,
        width: int = 256,
        heads: int = 4,
        layers: int = 3,
        window: int = 64,
        positions: str = "rotary",
        dropout: float = 0.3,
        steps: int = 1000,
        batch: int = 32,
        length: int = 64,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.1,
        candidates: int = 2048,
        precision: str = "auto",
    ) -> None:
        super().__init__()
        if min(width, heads, layers, window) < 1:
            raise LmcompareError("width, heads, layers and window must be at least 1")
        if positions not in POSITIONS:
            raise LmcompareError(f"positions is one of {', '.join(POSITIONS)}, not '{positions}'")
        if width % heads or (width // heads) % 2:
            raise LmcompareError(f"width {width} must be an even multiple of heads {heads}: each head gets an even share")
        self.width, self.heads, self.layers, self.window, self.positions = width, heads, layers, window, positions
        self.dropout, self.steps, self.batch, self.length = dropout, steps, batch, length
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.candidates, self.precision = candidates, precision

    def network(self, types: int) -> TransformerNetwork:
        """Return the untrained network."""
        return TransformerNetwork(
            types, self.width, self.heads, self.layers, self.window, self.positions, self.dropout
        )

    def recipe(self) -> Recipe:
        """Return how it is trained."""
        return Recipe(
            steps=self.steps,
            rows=self.batch,
            length=self.length,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            candidates=self.candidates,
            precision=self.precision,
        )
