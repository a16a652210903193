"""A network that can also copy: its softmax mixed with a pointer to the words that it has read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, ClassVar

import torch

from lmcompare.errors import PluginError
from lmcompare.exhibits import Exhibit
from lmcompare.model import SHORT_WINDOW, FloatArray, Idea, LanguageModel, Setting, check_reach, check_whole
from lmcompare.models.common.over_base import PRESETS, OverBase, extended
from lmcompare.models.pointer.exhibits import Copying, exhibits, measured
from lmcompare.models.pointer.network import PointerNetwork
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TorchLanguageModel
from lmcompare.training.network import Network
from lmcompare.training.recipe import Recipe
from lmcompare.training.softmax import Head

ROUNDS = 3  # rounds in which the size of the base is fitted, since the size of the pointer depends on it


class Pointer(OverBase, TorchLanguageModel):
    """A network that may copy a word which it has read: the pointer sentinel mixture of Merity et al. (2017).

    After each word the network compares its features with its features at the last ``window`` positions. The weights
    of this attention are the probabilities of copying the word that came after each of these positions, and the
    softmax has the rest: p(w) = a_0 p_softmax(w) + Σ_{j: w_j = w} a_j. Network and pointer are trained together. In
    Merity et al., a position points to the word that was just read there. Here it points to the next word, as in
    Grave, Joulin and Usunier (2017): the word that came after a similar context.

    Parameters
    ----------
    base : str, default "rnn"
        The plug-in of the network.
    options : table, optional
        The hyper-parameters of the base.
    preset : str, optional
        The preset of the base: "quick", "default" or "full"; ``options`` come on top of it.
    attention : int, default 64
        The size of the vectors that are compared.
    window : int, default 256
        The number of last positions from which words are copied.
    """

    idea = Idea(2017, "Merity, Xiong, Bradbury and Socher", "Pointer sentinel mixture models")
    called = "a model with a pointer"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS

    def __init__(
        self,
        base: str = "rnn",
        options: Mapping[str, Any] | None = None,
        preset: str | None = None,
        attention: int = 64,
        window: int = 256,
    ) -> None:
        super().__init__()
        check_whole("attention", attention, 1, 10**7)
        check_whole("window", window, 1, 10**5)
        self.attention, self.window = attention, window
        built = self.set_base(base, options, preset)
        if not isinstance(built, TorchLanguageModel):
            raise PluginError(f"'{base}' can't have a pointer: choose a network of lmcompare as the base")
        self._base = built

    def title(self) -> str:
        return extended(self._base.title(), "with a pointer")

    def check_text(self, train: Encoded) -> None:
        """Refuse a text that the base refuses, and a window longer than the longest document."""
        self._base.check_text(train)
        check_reach("window", self.window, train, "document", SHORT_WINDOW)

    def network(self, types: int) -> PointerNetwork:
        """Return the untrained network.

        Raises
        ------
        PluginError
            If the base does not predict words by one softmax.
        """
        self._base.end = self.end
        inner = self._base.network(types)
        if type(inner.head) is not Head:
            raise PluginError(f"'{self.base}' has no single softmax to share with a pointer: choose another base")
        return PointerNetwork(inner, self.attention, self.window)

    def sized(self, parameters: int, types: int) -> Mapping[str, Any] | None:
        """Return the options with which base and pointer together have about this many parameters."""
        found = super().sized(parameters, types)
        for _ in range(ROUNDS):
            if found is None:
                return None
            with torch.device("meta"):
                network = Pointer(**{**self.hyperparameters(), **found}).network(types)
            whole, inner = (sum(p.numel() for p in each.parameters()) for each in (network, network.inner))
            found = super().sized(max(1, parameters - (whole - inner)), types)
        return found

    def recipe(self) -> Recipe:
        return self._base.recipe()

    def prepare(self, network: Network, train: Encoded, setting: Setting) -> None:
        assert isinstance(network, PointerNetwork)
        self._base.prepare(network.inner, train, setting)

    def measure(self, train: Encoded, valid: Encoded, setting: Setting) -> Mapping[str, Any]:
        """Measure on the validation text when words are copied and how many bits that saves."""
        return asdict(measured(self.trained_as(PointerNetwork), valid))

    def copying(self) -> Copying:
        """Return the result of ``measure``."""
        return Copying(**self.measured)

    def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray | None:
        """Return the (n, width) word vectors of the tokens: the features are not one vector for each token."""
        return LanguageModel.context_vectors(self, text, at)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        return exhibits(self, self.trained_as(PointerNetwork), self.copying(), text)
