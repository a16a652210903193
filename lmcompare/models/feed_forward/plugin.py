"""The feed-forward language models: their hyper-parameters, and how they explain themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit, latex_lines
from lmcompare.model import FloatArray, Idea, Setting
from lmcompare.models.common import places
from lmcompare.models.common.places import Places
from lmcompare.models.common.sentences import Example, Line, examples
from lmcompare.models.common.vectors import neighbours_exhibit
from lmcompare.models.feed_forward.network import BengioNetwork, LogBilinearNetwork, ResidualNetwork, WindowNetwork
from lmcompare.tokens import Encoded
from lmcompare.training.language_model import TunableLanguageModel

BENGIO, BILINEAR, RESIDUAL = STYLES = ("bengio", "log-bilinear", "residual")

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
    direct : bool, default=False
        Whether "bengio" also has direct connections from word vectors to the softmax.
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
        return {
            BENGIO: "Feed-forward network of 2003",
            BILINEAR: "Log-bilinear model",
            RESIDUAL: "Feed-forward network",
        }[self.style]

    def network(self, types: int) -> WindowNetwork:
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
                latex_lines(_WINDOW, *_features(network), _SCORE),
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
        *_inside(network, window),
        ("‖f‖: the length of the features", float(features.norm())),
        (f"v·f + b: the score of '{example.word}', which came next", float(score)),
        ("log Σ exp: of the scores of all words", float(log_z.logsumexp(0))),
    ]


def _features(network: WindowNetwork) -> tuple[str, ...]:
    if isinstance(network, BengioNetwork):
        units = r"\tanh(\mathbf{d} + \mathbf{H} \mathbf{x})"
        return (rf"\mathbf{{f}} &= [{units}; \mathbf{{x}}]" if network.direct else rf"\mathbf{{f}} &= {units}",)
    if isinstance(network, LogBilinearNetwork):
        return (r"\mathbf{f} &= \mathbf{c} + \sum_k \mathbf{C}_k \mathbf{x}_k",)
    return (
        r"\mathbf{h} &= \mathbf{a} + \mathbf{A} \mathbf{x}",
        r"\mathbf{h} &\leftarrow \mathbf{h} + \mathbf{D} \, \text{GELU}(\mathbf{U} \, \text{norm}(\mathbf{h}))",
        r"\mathbf{f} &= \text{norm}(\mathbf{h})",
    )


def _inside(network: WindowNetwork, window: Tensor) -> list[Line]:
    """Return lines on the values between the window (context · d,) and the features."""
    if isinstance(network, BengioNetwork):
        units = torch.tanh(network.hidden(window))
        most = int(units.abs().argmax())
        return [(f"tanh(d + H x) of the strongest unit, {most + 1} of {len(units)}", float(units[most]))]
    if isinstance(network, LogBilinearNetwork):
        x = window.view(network.context, -1)  # (context, d)
        matrices = network.predict.weight.view(-1, *x.shape)  # (d, context, d)
        shares = torch.einsum("ikj,kj->ki", matrices, x).norm(dim=1).tolist()
        return [("‖C x‖ of the last word", shares[-1]), ("‖C x‖ of the first word of the window", shares[0])]
    return []
