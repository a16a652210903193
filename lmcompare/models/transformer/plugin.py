"""A decoder-only transformer: causal self-attention, and nothing but attention, over the document's past."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit
from lmcompare.model import FloatArray, Setting, Traits
from lmcompare.models.transformer import head_reach
from lmcompare.models.transformer.head_reach import HeadReach
from lmcompare.models.transformer.network import ACTIVATIONS, Design, TransformerNetwork
from lmcompare.models.transformer.positions import POSITIONS
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TorchLanguageModel
from lmcompare.training.recipe import Recipe


@dataclass(frozen=True)
class HeadAt:
    """What one head does at one place: ``products``, q·k, ``biases``, what is added for the distance, if anything,
    and ``weights``, all (n,) of the places it sees; ``mixed``, (d,), the mean of their values.
    """

    layer: int
    head: int
    products: FloatArray
    biases: FloatArray | None
    weights: FloatArray
    mixed: FloatArray


@dataclass(frozen=True)
class LayerMaps:
    """What the heads of a layer do with a document of T inputs: ``products`` q·k, ``scores``, these over √d and with
    what is added for the distance, and ``weights``, all (heads, T, T); ``lengths`` ‖v‖ of the values, (heads, T).
    """

    products: FloatArray
    scores: FloatArray
    weights: FloatArray
    lengths: FloatArray


class Transformer(TorchLanguageModel):
    """A pre-norm causal transformer (Vaswani et al. 2017) with a window that slides along the document.

    Each layer adds attention and then a feed-forward net to what it was given: x + O(softmax(Q Kᵀ / √d) V), where Q,
    K and V are the query, key and value projections of the normalised x. A position attends to itself and the
    ``window`` - 1 positions before it in its document, at every layer, so words up to layers · (window - 1) back can
    reach it.

    Parameters: ``width``, of word vectors and layers; ``heads``, of attention; ``layers``; ``window``, positions that
    one attends to; ``positions``, "rotary" (Su et al. 2021), "learned" (a vector a place, places counted modulo
    ``window``), "sinusoidal" (Vaswani et al. 2017), "alibi" (Press, Smith and Lewis 2022: a score falls with the
    distance, in each head by another slope), "relative" (a learned number a distance and head is added to the score,
    as in Raffel et al. 2020 but without buckets) or "none"; ``dropout``, on word vectors and what each layer adds;
    ``kv_heads``, heads of keys and values that groups of query heads share (Ainslie et al. 2023), None for as many as
    ``heads``; ``qk_norm``, whether queries and keys are normalised (Henry et al. 2020); ``activation`` of the
    feed-forward net, "gelu", "relu2" (So et al. 2021) or "swiglu" (Shazeer 2020). ``causal = false`` takes the mask
    away, to show what it is for: a position then sees the words to come that are read with it, the one to predict
    among them, and the model declares itself not causal: it is no language model and is not ranked. The others are
    those of ``Recipe``.
    """

    widths: ClassVar[tuple[str, ...]] = ("width",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"learning_rate": 1.5e-2, "weight_decay": 1.5, "steps": 130, "qk_norm": False},
        "full": {"dropout": 0.2, "weight_decay": 1.0, "batch": 32, "steps": 1500, "candidates": 2048},
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
        alone: float = 0.0,
        learning_rate: float = 1e-2,
        optimiser: str = "muon",
        weight_decay: float = 0.4,
        candidates: int = 768,
        full_share: float = 0.0,
        patience: int = 0,
        precision: str = "auto",
        kv_heads: int | None = None,
        qk_norm: bool = True,
        activation: str = "gelu",
        causal: bool = True,
    ) -> None:
        super().__init__()
        if min(width, heads, layers, window) < 1:
            raise LmcompareError("width, heads, layers and window must be at least 1")
        if positions not in POSITIONS:
            raise LmcompareError(f"positions is one of {', '.join(POSITIONS)}, not '{positions}'")
        if activation not in ACTIVATIONS:
            raise LmcompareError(f"activation is one of {', '.join(ACTIVATIONS)}, not '{activation}'")
        if kv_heads is not None and (kv_heads < 1 or heads % kv_heads):
            raise LmcompareError(f"kv_heads {kv_heads} must divide heads {heads}: each serves as many of them")
        if width % heads or (width // heads) % 2:
            raise LmcompareError(
                f"width {width} must be an even multiple of heads {heads}: each head gets an even share"
            )
        self.width, self.heads, self.layers, self.window, self.positions = width, heads, layers, window, positions
        self.dropout, self.steps, self.batch, self.length = dropout, steps, batch, length
        self.learning_rate, self.optimiser, self.weight_decay = learning_rate, optimiser, weight_decay
        self.candidates, self.full_share, self.precision = candidates, full_share, precision
        self.patience, self.alone = patience, alone
        self.kv_heads, self.qk_norm, self.activation, self.causal = kv_heads, qk_norm, activation, causal
        self.traits = Traits(carries_state=True, causal=causal)
        self.check_settings()

    def title(self) -> str:
        """Return its name for people."""
        return "Transformer" if self.causal else "Transformer without a causal mask"

    def summary(self) -> str:
        """Return what it is: no language model without the mask."""
        if self.causal:
            return super().summary()
        return (
            "A pre-norm transformer (Vaswani et al. 2017) without its mask (causal = false), which reads the words"
            " that it is to predict: no language model."
        )

    def network(self, types: int) -> TransformerNetwork:
        """Return the untrained network."""
        return TransformerNetwork(types, self.design())

    def design(self) -> Design:
        """Return what it is made of."""
        return Design(
            width=self.width,
            heads=self.heads,
            layers=self.layers,
            window=self.window,
            positions=self.positions,
            dropout=self.dropout,
            kv_heads=self.kv_heads,
            qk_norm=self.qk_norm,
            activation=self.activation,
            causal=self.causal,
        )

    def width_step(self) -> int:
        """Return what its ``widths`` must be multiples of."""
        return 2 * self.heads

    def recipe(self) -> Recipe:
        """Return how it is trained."""
        return Recipe.of(self.hyperparameters())

    def attention_maps(self, ids: IntArray) -> list[LayerMaps]:
        """Return what each layer's heads do as a document of these ids is read; T = len + 1.

        Row and column 0 are the beginning of the document; a row of weights sums to one. Longer than ``window``, the
        farther past has the weight 0.
        """
        network, inputs = self._reading(ids)
        with torch.no_grad():
            layers = network.attend(inputs, None, maps=True)[2]
            bias = network.view(inputs.shape[1], None, inputs.new_zeros(1)).bias
        return [
            LayerMaps(
                products=(maps.scores[0] * np.sqrt(self.width // self.heads)).cpu().numpy(),
                scores=(maps.scores[0] if bias is None else maps.scores[0] + bias).cpu().numpy(),
                weights=maps.weights[0].cpu().numpy(),
                lengths=maps.value[0].norm(dim=-1).cpu().numpy(),
            )
            for maps in layers
        ]

    def attention_at(self, ids: IntArray) -> HeadAt:
        """Return what one head does after the last of these ids, over the n = min(len + 1, window) places it sees.

        It is the head that turns most to a single word other than the one just read.
        """
        network, inputs = self._reading(ids)
        with torch.no_grad():
            layers = network.attend(inputs, None, maps=True)[2]
            bias = network.view(inputs.shape[1], None, inputs.new_zeros(1)).bias
        before = torch.stack([maps.weights[0, :, -1, :-1].amax(-1) for maps in layers])  # (layers, heads)
        layer, head = divmod(int(before.argmax()), self.heads)
        maps = layers[layer]
        seen = slice(max(0, len(ids) + 1 - self.window), None)
        return HeadAt(
            layer=layer,
            head=head,
            products=(maps.scores[0, head, -1, seen] * np.sqrt(self.width // self.heads)).cpu().numpy(),
            biases=None if bias is None else bias[head, -1, seen].cpu().numpy(),
            weights=maps.weights[0, head, -1, seen].cpu().numpy(),
            mixed=maps.mixed[0, head, -1].cpu().numpy(),
        )

    def trained_network(self) -> TransformerNetwork:
        """Return the trained network. Raises ``NotFittedError`` before ``fit`` or ``restore``."""
        network = self._ready()
        assert isinstance(network, TransformerNetwork)
        return network

    def _reading(self, ids: IntArray) -> tuple[TransformerNetwork, torch.Tensor]:
        """Return the trained network and these ids as the (1, len + 1) inputs of a document."""
        network = self.trained_network()
        return network, network.inputs(ids)

    def measure(self, train: Encoded, valid: Encoded, setting: Setting) -> Mapping[str, Any]:
        """Measure on valid how far back each head looks; without the mask there is no back."""
        return asdict(head_reach.measured(self.trained_network(), valid)) if self.causal else {}

    def reach(self) -> HeadReach:
        """Return what was measured on valid when it was trained."""
        return HeadReach.from_json(self.measured)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the attention maps of a sentence, the equation with numbers, how far its heads look, what it knows of
        places, and nearest words.
        """
        from lmcompare.models.transformer.exhibits import exhibits

        return exhibits(self, text)
