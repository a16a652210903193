"""The convolutional language model: gated convolutions over the words before."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lmcompare.exhibits import Exhibit, latex_lines
from lmcompare.model import Idea, Setting
from lmcompare.models.common import places
from lmcompare.models.common.layers import windows
from lmcompare.models.common.places import Places
from lmcompare.models.common.sentences import ALONE, examples
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TunableLanguageModel
from lmcompare.training.network import Memory, Network, dropout
from lmcompare.training.softmax import Head

EQUATION = latex_lines(
    r"\mathbf{x}_i &= [\text{norm}(\mathbf{h}_{i-k+1}); \ldots; \text{norm}(\mathbf{h}_i)]",
    r"\mathbf{h}'_i &= \mathbf{h}_i + (\mathbf{A} \mathbf{x}_i + \mathbf{a}) \odot"
    r" \sigma(\mathbf{B} \mathbf{x}_i + \mathbf{b})",
)
SAYING = (
    "Each layer looks at the last vectors of the layer below, through a window that slides along the text. A gate"
    " decides, number by number, how much of what the layer finds is added. Several layers on top of each other see"
    " farther back than one layer, but words beyond their reach are not seen at all."
)
WORKED = 6  # words before the one that the worked equation predicts


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
    reaches: ClassVar[tuple[str, ...]] = ("kernel",)
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
        return "Convolutional network"

    def network(self, types: int) -> ConvolutionalNetwork:
        return ConvolutionalNetwork(types, self.width, self.kernel, self.layers, self.dropout)

    def measure(self, train: Encoded, valid: Encoded, setting: Setting) -> Mapping[str, Any]:
        """Measure on the validation text what the word at each distance is worth."""
        return asdict(places.measured(self.trained_network(), valid, self.reach))

    def exhibits(self, text: Encoded) -> Iterator[Exhibit]:
        """Yield the worked equation of one unit, what its gates do, what words are worth, and the nearest words."""
        network = self.trained_as(ConvolutionalNetwork)
        for example in examples(self, text, 1, WORKED):
            x, content, gate = (each[-1] for each in network.opened(example.before)[-1])
            unit = int((content * gate).abs().argmax())
            yield example.worked(
                EQUATION,
                SAYING,
                [
                    (f"h before: after '{example.read[-1]}'", float(x[unit])),
                    ("A x + a: what it finds in the window", float(content[unit])),
                    ("σ(B x + b): how far its gate is open", float(gate[unit])),
                    ("h' = h + (A x + a) · σ(B x + b)", float(x[unit] + content[unit] * gate[unit])),
                ],
                where=f"{ALONE}, in the last layer, for the number that changes most: {unit + 1} of {len(x)}",
            )
            gates = [gate.mean(1) for _, _, gate in network.opened(example.ids[:-1])]
            yield example.map(
                "What its gates do",
                "How far the gates of each layer are open after each word, on average: 0 is closed, 1 is open.",
                "layer",
                [f"layer {n + 1}" for n in range(len(gates))],
                {"gates": torch.stack(gates, 1)},
            )
        yield from places.exhibits(Places(**self.measured))
        yield tied_neighbours(self, text)


class GatedConvolution(nn.Module):
    """(A x + a) · σ(B x + b) of the windows x of the last ``kernel`` vectors (Dauphin et al. 2017, equation 1)."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.norm = nn.LayerNorm(width)
        self.both = nn.Linear(kernel * width, 2 * width)

    def parts(self, x: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return A x + a and B x + b, each (B, T, d), for x (B, T, d), and the past of the next piece."""
        read, left = windows(self.norm(x), past, self.kernel)
        content, gate = self.both(read).chunk(2, -1)
        return content, gate, left

    def forward(self, x: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return (B, T, d), to be added to x, and the past of the next piece (B, kernel - 1, d)."""
        content, gate, left = self.parts(x, past)
        return content * torch.sigmoid(gate), left


class ConvolutionalNetwork(Network):
    """Word vectors, gated convolutions that are added to their inputs, and a softmax with the same vectors."""

    def __init__(self, types: int, width: int, kernel: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.dropout, self.scale = dropout, math.sqrt(width)
        self.head = Head(types, width)
        self.convolutions = [GatedConvolution(width, kernel) for _ in range(layers)]
        self.layers = nn.ModuleList(self.convolutions)
        self.last_norm = nn.LayerNorm(width)

    def words_read(self, inputs: Tensor, memory: Memory | None) -> Tensor:
        return inputs

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, d) and the memory.

        The memory is ``past`` (B, layers, kernel - 1, d), the last normalised inputs of each layer.
        """
        features, left, _ = self.convolve(inputs, memory)
        return features, left

    def convolve(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory, list[Tensor]]:
        """Return what ``forward`` returns, and the inputs of each layer (B, T, d)."""
        x = dropout(self.head.embed(inputs) * self.scale, self.dropout, self.training)
        past: list[Tensor] = []
        read: list[Tensor] = []
        for n, layer in enumerate(self.convolutions):
            read.append(x)
            added, left = layer(x, None if memory is None else memory["past"][:, n])
            x = x + dropout(added, self.dropout, self.training)
            past.append(left)
        return dropout(self.last_norm(x), self.dropout, self.training), {"past": torch.stack(past, 1)}, read

    @torch.no_grad()
    def opened(self, ids: IntArray) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Return the input, the content and the gates of each layer, (T, d), over the T inputs of a document."""
        found = []
        _, _, read = self.convolve(self.inputs(ids), None)
        for layer, x in zip(self.convolutions, read, strict=True):
            content, gate, _ = layer.parts(x, None)
            found.append((x[0], content[0], gate[0].sigmoid()))
        return found

    def in_page(self) -> list[dict[str, Any]]:
        layers: list[dict[str, Any]] = [{"type": "embed", "table": "head.table", "scale": self.scale}]
        for n, layer in enumerate(self.convolutions):
            steps = [
                {"type": "norm", "name": f"layers.{n}.norm", "kind": "layer"},
                {"type": "stack", "size": layer.kernel},
                {"type": "linear", "name": f"layers.{n}.both"},
                {"type": "glu"},
            ]
            layers.append({"type": "add", "layers": steps})
        return [*layers, {"type": "norm", "name": "last_norm", "kind": "layer"}]
