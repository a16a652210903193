"""A network whose hidden units can be read: each counts the words of a set in a window, minus those of an anti-set.

For the word-to-unit matrix T with entries -1, 0 and 1, the pre-activation of a unit is γ (n - m) + b, where n and m
count the words of the window with +1 and with -1, γ > 0 is the scale of the matrix and b the bias. So it fires if n
- m > θ, with the threshold θ = -b / γ, which is the parameter here: the scale has no effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.lab.quantisation import straight_through, ternary
from lmcompare.model import SHORT_WINDOW, FloatArray, Setting, Traits, check_reach
from lmcompare.models.word2vec.plugin import word2vec
from lmcompare.tokens import Encoded
from lmcompare.training.language_model import TunableLanguageModel
from lmcompare.training.network import Memory, Network, dropout
from lmcompare.training.softmax import Head

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
