"""The transformer language model: causal self-attention over a window that slides along the document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit
from lmcompare.model import Idea, Setting, Traits
from lmcompare.models.transformer.exhibits import HeadReach, exhibits, layer_states, measured
from lmcompare.models.transformer.exports import write_folder
from lmcompare.models.transformer.network import Design, TransformerNetwork
from lmcompare.models.transformer.positions import POSITIONS
from lmcompare.tokens import Encoded, FloatArray, IntArray, Vocabulary
from lmcompare.training.language_model import TunableLanguageModel

CANON = Idea(
    2025, "Allen-Zhu", "Physics of language models: part 4.1, architecture design and the magic of canon layers"
)


@dataclass(eq=False, kw_only=True)
class Transformer(TunableLanguageModel):
    """A causal transformer (Vaswani et al. 2017), normalised before each layer, with a window that slides along.

    Each layer adds attention and then a feed-forward network to its input: x + O(softmax(Q Kᵀ / √d) V), where Q, K
    and V are the query, key and value projections of the normalised x. A position attends to itself and to the
    ``window`` - 1 positions before it in its document, in every layer, so words up to layers · (window - 1) back can
    influence it, and with ``convolution`` words 2 · layers · convolution further back.

    The settings of training are those of ``TunableLanguageModel``.

    Parameters
    ----------
    width : int, default=256
        The size of word vectors and layers.
    heads : int, default=4
        The number of attention heads.
    layers : int, default=2
        The number of layers.
    window : int, default=64
        The number of positions that a position attends to, itself included.
    positions : {"rotary", "learned", "sinusoidal", "alibi", "relative", "none"}, default="rotary"
        The position encoding: "rotary" (Su et al. 2021), "learned" vectors, counted modulo ``window``, "sinusoidal"
        (Vaswani et al. 2017), "alibi", scores that fall with the distance (Press, Smith and Lewis 2022), "relative",
        a learned number for each distance and head (as in Raffel et al. 2020, without buckets), or "none".
    style : {"gpt", "llama"}, default="gpt"
        "gpt" has LayerNorm, GELU and biases. "llama" is as Llama (Touvron et al. 2023): RMSNorm, SwiGLU, no biases,
        and ``</s>`` as the first input of a document; with its other choices at their defaults, Hugging Face's
        transformers can read the exported model.
    qk_norm : bool or None, default=None
        Whether queries and keys are normalised (Henry et al. 2020); None for true, or false in the style of Llama.
    causal : bool, default=True
        Whether there is a causal mask. Without it a position sees the words that come after it, the one to predict
        included: the model then declares itself not causal, is not a language model and is not ranked.
    convolution : int, default=0
        The number of previous positions that a short convolution adds to each position, with learned weights, before
        attention and before the feed-forward network ("Canon layers", Allen-Zhu 2025); 0 for none.
    dropout : float, default=0.15
        Dropout on word vectors and on the output of each layer.
    """

    idea = Idea(2017, "Vaswani et al.", "Attention is all you need")
    widths: ClassVar[tuple[str, ...]] = ("width",)
    reaches: ClassVar[tuple[str, ...]] = ("window",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {
            "learning_rate": 1.5e-2,
            "weight_decay": 1.5,
            "dropout": 0.05,
            "batch": 16,
            "steps": 130,
            "qk_norm": False,
        },
        "full": {"dropout": 0.2, "steps": 1500, "candidates": 2048},
    }

    width: int = 256
    heads: int = 4
    layers: int = 2
    window: int = 64
    positions: str = "rotary"
    style: str = "gpt"
    qk_norm: bool | None = None
    causal: bool = True
    convolution: int = 0
    batch: int = 32
    dropout: float = 0.15
    weight_decay: float = 1.0
    optimiser: str = "muon"

    def __post_init__(self) -> None:
        self.check_whole(1, "width", "heads")
        self.check_whole(1, "window", most=10**5)
        self.check_whole(1, "layers", most=1000)
        self.check_whole(0, "convolution", most=1000)
        self.check_choice("positions", POSITIONS)
        self.check_choice("style", ("gpt", "llama"))
        if self.width % self.heads or (self.width // self.heads) % 2:
            raise LmcompareError(
                f"width must be an even multiple of heads, not {self.width} with {self.heads} heads: each head gets"
                " an even share"
            )
        self.traits = Traits(carries_state=True, causal=self.causal)
        if self.convolution:
            self.idea = CANON
        super().__post_init__()

    def title(self) -> str:
        if not self.causal:
            return "Transformer without a causal mask"
        return "Transformer with convolutions" if self.convolution else "Transformer"

    def summary(self) -> str:
        """Return the summary, with the style and the convolutions, or that this is not a language model."""
        if not self.causal:
            return (
                "A transformer (Vaswani et al. 2017) without its causal mask (causal = false), which reads the"
                " words that it predicts: not a language model."
            )
        said = super().summary()
        if self.style == "llama":
            said = said.replace(
                "A causal transformer (Vaswani et al. 2017), normalised before each layer,",
                "A causal transformer in the style of Llama (Touvron et al. 2023)",
            )
        if self.convolution:
            said = (
                f"{said.removesuffix('.')}, and with short convolutions over the words just before (Allen-Zhu 2025)."
            )
        return said

    def network(self, types: int) -> TransformerNetwork:
        return TransformerNetwork(types, self.design(), self.end)

    def design(self) -> Design:
        """Return the design of the network, with the value of the style in place of None."""
        given = {field.name: getattr(self, field.name) for field in fields(Design)}
        return Design(**{**given, "qk_norm": self.style != "llama" if self.qk_norm is None else self.qk_norm})

    def file_formats(self) -> Mapping[str, Callable[[Vocabulary, Path], None]]:
        """Return the writers of all networks, and of the folder that Hugging Face's transformers reads."""
        return {**super().file_formats(), "/": partial(write_folder, self.trained_as(TransformerNetwork))}

    def width_step(self) -> int:
        """Return 2 · ``heads``: each head has an even share of the width."""
        return 2 * self.heads

    def measure(self, train: Encoded, valid: Encoded, setting: Setting) -> Mapping[str, Any]:
        """Measure the attention of each head on the validation text; nothing without the causal mask."""
        return asdict(measured(self.trained_as(TransformerNetwork), valid)) if self.causal else {}

    def reach(self) -> HeadReach:
        """Return the result of ``measure``: the attention of each head."""
        return HeadReach(**self.measured)

    def layer_vectors(self, text: Encoded, at: IntArray) -> Sequence[FloatArray]:
        """Return (n, d) for the input of the first layer and for the output of each layer."""
        network = self.trained_as(TransformerNetwork)
        starts = text.context_starts(at)
        vectors = np.zeros((self.layers + 1, len(at), self.width), np.float32)
        for start in np.unique(starts):
            where = np.flatnonzero(starts == start)
            read = at[where] - start + 1  # the first input is the beginning of the document
            vectors[:, where] = layer_states(network, text.ids[start : start + read.max()])[:, read].numpy(force=True)
        return list(vectors)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        return exhibits(self, self.trained_as(TransformerNetwork), self.reach(), text)
