"""A decoder-only transformer: causal self-attention, and nothing but attention, over the document's past."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit
from lmcompare.model import FloatArray
from lmcompare.models.self_attention import POSITIONS, Maps, TransformerNetwork
from lmcompare.tokens import Encoded, IntArray
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

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"learning_rate": 1.5e-2, "weight_decay": 1.5, "steps": 130},
        "full": {"width": 384, "heads": 6, "layers": 4, "dropout": 0.1, "batch": 32, "steps": 2500},
    }

    def __init__(
        self,
        width: int = 256,
        heads: int = 4,
        layers: int = 2,
        window: int = 64,
        positions: str = "rotary",
        dropout: float = 0.05,
        steps: int = 1000,
        batch: int = 16,
        length: int = 64,
        learning_rate: float = 1e-2,
        optimiser: str = "muon",
        weight_decay: float = 0.4,
        candidates: int = 1024,
        full_share: float = 0.0,
        precision: str = "auto",
    ) -> None:
        super().__init__()
        if min(width, heads, layers, window) < 1:
            raise LmcompareError("width, heads, layers and window must be at least 1")
        if positions not in POSITIONS:
            raise LmcompareError(f"positions is one of {', '.join(POSITIONS)}, not '{positions}'")
        if width % heads or (width // heads) % 2:
            raise LmcompareError(
                f"width {width} must be an even multiple of heads {heads}: each head gets an even share"
            )
        self.width, self.heads, self.layers, self.window, self.positions = width, heads, layers, window, positions
        self.dropout, self.steps, self.batch, self.length = dropout, steps, batch, length
        self.learning_rate, self.optimiser, self.weight_decay = learning_rate, optimiser, weight_decay
        self.candidates, self.full_share, self.precision = candidates, full_share, precision

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
            optimiser=self.optimiser,
            weight_decay=self.weight_decay,
            candidates=self.candidates,
            full_share=self.full_share,
            precision=self.precision,
        )

    def attention_maps(self, ids: IntArray) -> list[FloatArray]:
        """Return, for each layer, (heads, T, T) the weights with which a document of these ids is read; T = len + 1.

        Row and column 0 are the beginning of the document; a row sums to one. Longer than ``window``, the farther
        past has the weight 0.
        """
        return [maps.weights[0].numpy() for maps in self._maps(ids)]

    def attention_at(self, ids: IntArray) -> tuple[int, int, FloatArray, FloatArray, FloatArray]:
        """Return what one head does after the last of these ids: layer, head, q·k (n,), weights (n,), mixed (d,).

        It is the head that turns most to a single word other than the one just read; n = min(len + 1, window).
        """
        layers = self._maps(ids)
        before = torch.stack([maps.weights[0, :, -1, :-1].amax(-1) for maps in layers])  # (layers, heads)
        layer, head = divmod(int(before.argmax()), self.heads)
        maps = layers[layer]
        seen = slice(max(0, len(ids) + 1 - self.window), None)
        products = maps.scores[0, head, -1, seen] * np.sqrt(self.width // self.heads)
        return layer, head, products.numpy(), maps.weights[0, head, -1, seen].numpy(), maps.mixed[0, head, -1].numpy()

    def _maps(self, ids: IntArray) -> list[Maps]:
        network = self._ready()
        assert isinstance(network, TransformerNetwork)
        inputs = torch.tensor([[network.head.types, *(int(i) for i in ids)]], device=network.head.table.device)
        with torch.no_grad():
            _, _, layers = network.attend(inputs, None, maps=True)
        return [Maps(m.scores.cpu(), m.weights.cpu(), m.mixed.cpu()) for m in layers]

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the attention maps of a sentence, the equation with numbers, and nearest words."""
        from lmcompare.models.transformer_exhibits import exhibits

        return exhibits(self, text)
