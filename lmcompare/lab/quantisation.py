"""Weights of few bits: rounding after training, and training that is aware of it.

Two quantisers:

- 2 bits and more: each row has 2^b evenly spaced values from its least to its greatest weight, and a weight becomes
  the nearest of them (affine quantisation, Nagel et al. 2021, "A white paper on neural network quantization",
  section 2).
- 1.58 bits, log2(3): each weight becomes -γ, 0 or γ, with one γ for the matrix (absmean, Ma et al. 2024,
  "The era of 1-bit LLMs: all large language models are in 1.58 bits", equations 1 to 3).

In training, the network computes with the rounded weights, and the gradient of a rounded weight is that of the weight
itself (straight-through estimator, Bengio, Léonard and Courville 2013, "Estimating or propagating gradients through
stochastic neurons for conditional computation").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from lmcompare.errors import LmcompareError
from lmcompare.model import SHORT_WINDOW, FloatArray, Setting, Size, Traits, check_reach
from lmcompare.models.transformer.network import TransformerNetwork
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.models.word2vec.plugin import word2vec
from lmcompare.tokens import Encoded
from lmcompare.training.language_model import TunableLanguageModel
from lmcompare.training.network import Memory, Network, dropout
from lmcompare.training.softmax import Head

TERNARY = 1.58  # bits of a weight that has three values, log2(3), as the paper writes it
FULL = 32  # bits of a weight in float32
SCALE_BYTES = 4  # bytes of each number of a quantiser, a float32
EPSILON = 1e-12


def ternary(weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return the values -1, 0 and 1 of weights (…), and γ, the mean of their absolute values.

    RoundClip(W / γ, -1, 1) with γ = Σ |W_ij| / (n m): Ma et al. 2024, equations 1 to 3.
    """
    gamma = weights.abs().mean().clamp_min(EPSILON)
    return (weights / gamma).round().clamp(-1, 1), gamma


def affine(weights: Tensor, bits: int) -> Tensor:
    """Return weights (n, m) rounded to 2^bits evenly spaced values from the least to the greatest of each row."""
    low, high = weights.amin(1, keepdim=True), weights.amax(1, keepdim=True)
    step = ((high - low) / (2**bits - 1)).clamp_min(EPSILON)
    rounded: Tensor = ((weights - low) / step).round() * step + low
    return rounded


def quantised(weights: Tensor, bits: float) -> Tensor:
    """Return a matrix (n, m) with weights of some bits: 1.58, or a whole number of at least 2."""
    if bits == TERNARY:
        values, gamma = ternary(weights)
        return values * gamma
    return affine(weights, int(bits))


def matrices(network: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    """Yield the module and the name of each matrix of a network, the word vectors included."""
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.dim() == 2:
                yield module, name


@torch.no_grad()
def round_weights(network: nn.Module, bits: float, *, spared: nn.Module | None = None) -> None:
    """Round the matrices of a trained network in place; those of the module ``spared`` stay as they are."""
    for module, name in matrices(network):
        if module is not spared:
            weights = getattr(module, name)
            weights.copy_(quantised(weights, bits))


def packed_bytes(rows: int, columns: int, bits: float) -> int:
    """Return the bytes of a quantised matrix, whose rows are packed one after the other, and of its scales.

    Five weights with three values fit in a byte (3^5 = 243). An affine row has two numbers, a ternary matrix has one.
    """
    if bits == TERNARY:
        return -(-rows * columns // 5) + SCALE_BYTES
    return -(-rows * columns * int(bits) // 8) + 2 * rows * SCALE_BYTES


def network_bytes(network: nn.Module, bits: float, *, spared: nn.Module | None = None) -> int:
    """Return the bytes of a network whose matrices have some bits per weight; all other numbers have 32."""
    total = sum(parameter.numel() for parameter in network.parameters()) * FULL // 8
    for module, name in matrices(network):
        if module is not spared and bits != FULL:
            rows, columns = getattr(module, name).shape
            total += packed_bytes(rows, columns, bits) - rows * columns * FULL // 8
    return total


class _StraightThrough(torch.autograd.Function):
    """Another value in place of a weight, with the gradient of the weight itself."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, rounded: Tensor) -> Tensor:
        return rounded.view_as(rounded)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        return slope, None


def straight_through(weights: Tensor, rounded: Tensor) -> Tensor:
    """Return ``rounded``, through which the gradient goes to ``weights`` as if nothing had been rounded."""
    made: Tensor = _StraightThrough.apply(weights, rounded)  # type: ignore[no-untyped-call]
    return made


class Rounded(nn.Module):
    """The parametrisation of a matrix that is trained while the network computes with its rounded values."""

    def __init__(self, bits: float) -> None:
        super().__init__()
        self.bits = bits

    def forward(self, weights: Tensor) -> Tensor:
        """Return the rounded weights."""
        return straight_through(weights, quantised(weights.detach(), self.bits))


def train_rounded(network: nn.Module, bits: float) -> None:
    """Make a network compute with the rounded values of all its matrices, which are trained through them."""
    for module, name in list(matrices(network)):
        parametrize.register_parametrization(module, name, Rounded(bits))


QUANTISED = (TERNARY, 2, 3, 4, 8)  # bits of a weight


@dataclass(eq=False, kw_only=True)
class QuantisedTransformer(Transformer):
    """A transformer that is trained with weights of few bits: see ``lmcompare.lab.quantisation``.

    All its matrices are rounded, the word vectors included; what flows through the network is not.

    Parameters
    ----------
    bits : {1.58, 2, 3, 4, 8}, default=1.58
        The bits of a weight; 1.58 for three values.
    """

    bits: float = TERNARY

    def __post_init__(self) -> None:
        if self.bits not in QUANTISED:
            raise LmcompareError(f"bits must be one of {', '.join(map(str, QUANTISED))}, not {self.bits}")
        super().__post_init__()

    def title(self) -> str:
        """Return the display name."""
        return f"Transformer of {self.bits:g} bits per weight"

    def network(self, types: int) -> TransformerNetwork:
        """Return a network that computes with rounded weights."""
        network = super().network(types)
        train_rounded(network, self.bits)
        return network

    def size(self) -> Size:
        """Return the parameters, and the bytes of the rounded weights."""
        network = self.trained_network()
        return Size(sum(each.numel() for each in network.parameters()), network_bytes(network, self.bits))


BEGINNING = 0.3  # the mean absolute weight at first: words that occur a few times only do not move much from there


class SetNetwork(Network):
    """Sums over the last ``window`` words, units that fire or not, and a softmax over the units that fire.

    Parameters
    ----------
    types : int
        V, the size of the vocabulary.
    units : int
        H, the hidden units.
    window : int
        Words of the bag; those before the beginning of the document are missing.
    dropout : float
        Of units.
    ternary : bool
        Whether the network computes with the ternary values of its first matrix.
    """

    def __init__(self, types: int, units: int, window: int, dropout: float, *, ternary: bool) -> None:
        super().__init__()
        self.window, self.dropout, self.ternary = window, dropout, ternary
        self.words = nn.Parameter(BEGINNING * torch.randn(types + 1, units))
        self.threshold = nn.Parameter(window * torch.rand(units))
        self.head = Head(types, units)

    def first(self) -> Tensor:
        """Return the matrix (V + 1, H) whose rows are added up: the weights over γ, rounded if it is ternary."""
        values, gamma = ternary(self.words.detach())
        scaled = self.words / gamma
        return straight_through(scaled, values) if self.ternary else scaled

    def counts(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return n - m of each unit (B, T, H), which for real weights is their sum, and the memory.

        The memory is ``words`` (B, window - 1), the last inputs plus one; 0 where there was none.
        """
        rows, length = inputs.shape
        kept = self.window - 1
        before = inputs.new_zeros(rows, kept) if memory is None else memory["words"]
        words = torch.cat([before, inputs + 1], 1)  # (B, W - 1 + T)
        vectors = functional.embedding((words - 1).clamp_min(0), self.first()) * (words > 0)[..., None]
        total = vectors[:, kept:]
        for back in range(1, self.window):
            total = total + vectors[:, kept - back : kept - back + length]
        return total, {"words": words[:, length:]}

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, H), 1 where a unit fires and else 0, and the memory of ``counts``."""
        total, left = self.counts(inputs, memory)
        return dropout(_fires(total - self.threshold), self.dropout, self.training), left


class _Step(torch.autograd.Function):
    """1 above 0, else 0; with the gradient of the logistic function (Bengio, Léonard and Courville 2013)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        chance = torch.sigmoid(x)
        made: Tensor = slope * chance * (1 - chance)
        return made


def _fires(x: Tensor) -> Tensor:
    made: Tensor = _Step.apply(x)  # type: ignore[no-untyped-call]
    return made


@dataclass(eq=False, kw_only=True)
class WordSets(TunableLanguageModel):
    """A bag of the last words, whose hidden units are sets and anti-sets of words, and a softmax over the units.

    A unit begins as the set of the words whose word2vec vectors are like that of one word; training moves words in
    and out.

    Parameters
    ----------
    ternary : bool, default=True
        Whether the weights from words to units are -1, 0 and 1 times a scale; else they are real numbers.
    units : int, default=256
        Hidden units.
    window : int, default=3
        Words of the bag.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"quick": {"steps": 240}}

    ternary: bool = True
    units: int = 256
    window: int = 3
    weight_decay: float = 1.0
    dropout: float = 0.3

    def __post_init__(self) -> None:
        self.check_whole(1, "units")
        self.check_whole(1, "window", most=1000)
        self.traits = Traits(carries_state=True)
        super().__post_init__()

    def title(self) -> str:
        """Return the display name."""
        return "Sets of words" if self.ternary else "Sets of words with real weights"

    def network(self, types: int) -> SetNetwork:
        """Return the untrained network."""
        return SetNetwork(types, self.units, self.window, self.dropout, ternary=self.ternary)

    def prepare(self, network: Network, train: Encoded, setting: Setting) -> None:
        """Let each unit begin with the words that are like one word, drawn far apart from each other."""
        assert isinstance(network, SetNetwork)
        begun = beginnings(train, self.units, setting.seed)
        with torch.no_grad():
            network.words[: len(begun), : begun.shape[1]].copy_(torch.from_numpy(begun))

    def check_text(self, train: Encoded) -> None:
        """Refuse a window beyond the longest document."""
        check_reach("window", self.window, train, "document", SHORT_WINDOW)


def beginnings(train: Encoded, units: int, seed: int) -> FloatArray:
    """Return (V, H): the weights with which units begin, at most as many as there are words.

    They are the fifth powers of cosines of word2vec vectors, so that a few words have large weights. The words that
    the units begin with are drawn as the seeds of k-means are (k-means++, Arthur and Vassilvitskii 2007), by their
    counts.
    """
    from sklearn.cluster import kmeans_plusplus

    vectors = word2vec(train, width=128, skip_gram=True, reach=5, negative=5, epochs=5, seed=seed).astype(np.float64)
    counts = np.bincount(train.ids, minlength=len(vectors)).astype(np.float64)
    vectors -= np.average(vectors, axis=0, weights=counts)
    vectors[counts == 0] = 0.0
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9
    occurring = np.flatnonzero(counts)
    chosen, _ = kmeans_plusplus(
        vectors[occurring], min(units, len(occurring)), sample_weight=counts[occurring], random_state=seed
    )
    weights = (vectors @ chosen.T) ** 5
    made: FloatArray = (BEGINNING * weights / (np.abs(weights).mean() + 1e-12)).astype(np.float32)
    return made
