"""The feed-forward language models: the vectors of the last words side by side, and layers above them."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit, latex_lines
from lmcompare.model import FloatArray, Idea, Setting
from lmcompare.models.common import places
from lmcompare.models.common.layers import FeedForwardBlock, feed_forward_in_page, windows
from lmcompare.models.common.places import Places
from lmcompare.models.common.sentences import Example, Line, examples
from lmcompare.models.common.vectors import neighbours_exhibit
from lmcompare.tokens import Encoded
from lmcompare.training.language_model import TunableLanguageModel
from lmcompare.training.network import Memory, Network, dropout
from lmcompare.training.softmax import Head

TITLES = {
    "bengio": "Feed-forward network of 2003",
    "log-bilinear": "Log-bilinear model",
    "residual": "Feed-forward network",
}
NEURAL = Idea(2003, "Bengio, Ducharme, Vincent and Jauvin", "A neural probabilistic language model")
LOG_BILINEAR = Idea(2007, "Mnih and Hinton", "Three new graphical models for statistical language modelling")
_WINDOW = r"\mathbf{x} &= [\mathbf{x}_{i-n+1}; \ldots; \mathbf{x}_i]"
_SCORE = r"P(w) &= \text{softmax}_w(\mathbf{v}_w \cdot \mathbf{f} + b_w)"
_SAYING = (
    "The vectors of the last words stand side by side. So each position has weights of its own, and the order counts."
    " Words that are used alike have similar vectors, so what was learnt about one context also serves others. Words"
    " before the window are not seen."
)


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
    layers : int, default=2
        The number of residual layers of "residual".
    dropout : float, default=0.1
        Dropout on word vectors and on the output of each layer.
    """

    widths: ClassVar[tuple[str, ...]] = ("width", "hidden")
    reaches: ClassVar[tuple[str, ...]] = ("context",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"context": 5, "dropout": 0.3, "weight_decay": 1.5, "batch": 16, "steps": 170},
        "full": {"width": 384, "dropout": 0.3, "steps": 2000, "candidates": 2048},
    }

    style: str = "residual"
    context: int = 12
    width: int = 256
    hidden: int = 256
    layers: int = 2
    batch: int = 32
    optimiser: str = "muon"

    def __post_init__(self) -> None:
        self.check_choice("style", tuple(TITLES))
        self.check_whole(1, "width", "hidden")
        self.check_whole(1, "context", "layers", most=1000)
        if self.layers != type(self).layers and self.style != "residual":
            raise LmcompareError('layers is for style = "residual" only: leave it out')
        super().__post_init__()
        self.idea = LOG_BILINEAR if self.style == "log-bilinear" else NEURAL

    def title(self) -> str:
        return TITLES[self.style]

    def network(self, types: int) -> WindowNetwork:
        if self.style == "bengio":
            return BengioNetwork(types, self.width, self.context, self.hidden, self.dropout)
        if self.style == "log-bilinear":
            return LogBilinearNetwork(types, self.width, self.context, self.dropout)
        return ResidualNetwork(types, self.width, self.context, self.layers, self.dropout)

    def trained_window(self) -> WindowNetwork:
        """Return the trained network."""
        network = self.trained_network()
        assert isinstance(network, WindowNetwork)
        return network

    def measure(self, train: Encoded, valid: Encoded, setting: Setting) -> Mapping[str, Any]:
        """Measure on the validation text what each word of the window is worth."""
        return asdict(places.measured(self.trained_network(), valid, self.context))

    def word_vectors(self) -> FloatArray:
        """Return the (V, d) vectors of the words that are read."""
        network = self.trained_window()
        table = network.get_parameter(network.table)
        vectors: FloatArray = table[: network.head.types].detach().cpu().numpy()
        return vectors

    def exhibits(self, text: Encoded) -> Iterator[Exhibit]:
        """Yield the worked equation, what each word of the window is worth, and the nearest words."""
        network = self.trained_window()
        for example in examples(self, text, 1, self.context):
            yield example.worked(
                latex_lines(_WINDOW, *network.equation, _SCORE),
                _SAYING,
                _lines(network, example),
                after=example.read[-self.context :],
            )
        yield from places.exhibits(Places(**self.measured))
        yield neighbours_exhibit(self.word_vectors(), text, "By the cosine of the vectors that the network reads.")


@torch.no_grad()
def _lines(network: WindowNetwork, example: Example) -> list[Line]:
    window = network.windows(network.inputs(example.before), None)[0][0, -1]  # (context · d,)
    features, head, word = network.features(window), network.head, int(example.ids[example.at])
    score = features @ head.table[word] + head.bias[word]
    log_z = features @ head.table[: head.types].T + head.bias
    read = min(len(example.read), network.context)
    return [
        (f"‖x‖: the length of the {read} vectors side by side", float(window.norm())),
        *network.inside(window),
        ("‖f‖: the length of the features", float(features.norm())),
        (f"v·f + b: the score of '{example.word}', which came next", float(score)),
        ("log Σ exp: of the scores of all words", float(log_z.logsumexp(0))),
    ]


class WindowNetwork(Network):
    """A network whose features are a function of the vectors of the last ``context`` inputs, the oldest first.

    Positions before the beginning of the document have vectors of zeros. Words that are read and words that are
    predicted have the same vectors; a subclass may have different ones.

    Attributes
    ----------
    table : str
        The name of the parameter that has the (V + 1, d) vectors of the inputs.
    equation : tuple of str
        The lines of the equation of the features, in LaTeX.
    """

    table: str = "head.table"
    equation: ClassVar[tuple[str, ...]]

    def __init__(self, context: int, dropout: float) -> None:
        super().__init__()
        self.context, self.dropout = context, dropout

    def embed(self, inputs: Tensor) -> Tensor:
        """Return the (…, d) vectors of inputs."""
        return self.head.embed(inputs)

    @abstractmethod
    def features(self, window: Tensor) -> Tensor:
        """Return the features (…, f) of windows (…, context · d)."""

    def inside(self, window: Tensor) -> list[Line]:
        """Return lines on the values between a window (context · d,) and its features."""
        return []

    @abstractmethod
    def layers_in_page(self) -> list[dict[str, Any]]:
        """Return the page's layers that compute ``features``."""

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, f) and the memory.

        The memory is ``past`` (B, context - 1), the inputs before, each plus one, since 0 stands for no input.
        """
        read, left = self.windows(inputs, memory)
        return self.features(read), left

    def words_read(self, inputs: Tensor, memory: Memory | None) -> Tensor:
        """Return the words of the windows."""
        return (self._words(inputs, memory) - 1).clamp(min=0)

    def _words(self, inputs: Tensor, memory: Memory | None) -> Tensor:
        """Return (B, context - 1 + T): the inputs and the context - 1 before them, each plus one; 0 for no input."""
        past = inputs.new_zeros(len(inputs), self.context - 1) if memory is None else memory["past"]
        return torch.cat([past, inputs + 1], 1)

    def windows(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the vectors of the window that ends at each input (B, T, context · d), and the memory."""
        words, length = self._words(inputs, memory), inputs.shape[1]
        vectors = self.embed((words - 1).clamp(min=0)) * (words > 0)[..., None]  # (B, context - 1 + T, d)
        vectors = dropout(vectors, self.dropout, self.training)
        side_by_side, _ = windows(vectors[:, self.context - 1 :], vectors[:, : self.context - 1], self.context)
        return side_by_side, {"past": words[:, length:]}

    def in_page(self) -> list[dict[str, Any]]:
        read: list[dict[str, Any]] = [{"type": "embed", "table": self.table}, {"type": "stack", "size": self.context}]
        return [*read, *self.layers_in_page()]


class BengioNetwork(WindowNetwork):
    """tanh(d + H x) (Bengio et al. 2003, equation 1, without direct connections).

    Words that are read and words that are predicted have different vectors: the head's table is U.
    """

    table = "vectors"
    equation = (r"\mathbf{f} &= \tanh(\mathbf{d} + \mathbf{H} \mathbf{x})",)

    def __init__(self, types: int, width: int, context: int, hidden: int, dropout: float) -> None:
        super().__init__(context, dropout)
        self.vectors = nn.Parameter(torch.randn(types + 1, width).div_(math.sqrt(width)))
        self.hidden = nn.Linear(context * width, hidden)
        self.head = Head(types, hidden)

    def embed(self, inputs: Tensor) -> Tensor:
        """Return the (…, d) vectors of inputs, which the softmax does not use."""
        return functional.embedding(inputs, self.vectors)

    def features(self, window: Tensor) -> Tensor:
        return dropout(torch.tanh(self.hidden(window)), self.dropout, self.training)

    def inside(self, window: Tensor) -> list[Line]:
        units = torch.tanh(self.hidden(window))
        most = int(units.abs().argmax())
        return [(f"tanh(d + H x) of the strongest unit, {most + 1} of {len(units)}", float(units[most]))]

    def layers_in_page(self) -> list[dict[str, Any]]:
        return [{"type": "linear", "name": "hidden"}, {"type": "tanh"}]


class LogBilinearNetwork(WindowNetwork):
    """Σ_k C_k x_k, the vector that is predicted for the next word (Mnih and Hinton 2007); it is linear."""

    equation = (r"\mathbf{f} &= \mathbf{c} + \sum_k \mathbf{C}_k \mathbf{x}_k",)

    def __init__(self, types: int, width: int, context: int, dropout: float) -> None:
        super().__init__(context, dropout)
        self.predict = nn.Linear(context * width, width)
        self.head = Head(types, width)

    def features(self, window: Tensor) -> Tensor:
        return dropout(self.predict(window), self.dropout, self.training)

    def inside(self, window: Tensor) -> list[Line]:
        x = window.view(self.context, -1)  # (context, d)
        matrices = self.predict.weight.view(-1, *x.shape)  # (d, context, d)
        shares = torch.einsum("ikj,kj->ki", matrices, x).norm(dim=1).tolist()
        return [("‖C x‖ of the last word", shares[-1]), ("‖C x‖ of the first word of the window", shares[0])]

    def layers_in_page(self) -> list[dict[str, Any]]:
        return [{"type": "linear", "name": "predict"}]


class ResidualNetwork(WindowNetwork):
    """A matrix over the window, and residual blocks with layer norm, as such networks are built today.

    Sun and Iyyer (2021) compare networks of this kind with the transformer.
    """

    equation = (
        r"\mathbf{h} &= \mathbf{a} + \mathbf{A} \mathbf{x}",
        r"\mathbf{h} &\leftarrow \mathbf{h} + \mathbf{D} \, \text{GELU}(\mathbf{U} \, \text{norm}(\mathbf{h}))",
        r"\mathbf{f} &= \text{norm}(\mathbf{h})",
    )

    def __init__(self, types: int, width: int, context: int, layers: int, dropout: float) -> None:
        super().__init__(context, dropout)
        self.first = nn.Linear(context * width, width)
        self.blocks = nn.ModuleList(FeedForwardBlock(width) for _ in range(layers))
        self.last_norm = nn.LayerNorm(width)
        self.head = Head(types, width)

    def features(self, window: Tensor) -> Tensor:
        x = self.first(window)
        for block in self.blocks:
            x = x + dropout(block(x), self.dropout, self.training)
        return dropout(self.last_norm(x), self.dropout, self.training)

    def layers_in_page(self) -> list[dict[str, Any]]:
        layers: list[dict[str, Any]] = [{"type": "linear", "name": "first"}]
        layers += [feed_forward_in_page(f"blocks.{n}") for n in range(len(self.blocks))]
        return [*layers, {"type": "norm", "name": "last_norm", "kind": "layer"}]
