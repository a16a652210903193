"""A network that is trained beside an n-gram model: each guess is a mixture of the two."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np
import torch

from lmcompare.errors import LmcompareError, PluginError
from lmcompare.exhibits import Exhibit
from lmcompare.model import (
    BLOCK_BYTES,
    HIGHEST_ORDER,
    FloatArray,
    Idea,
    PageCopy,
    Setting,
    State,
    Stepper,
    check_whole,
)
from lmcompare.models.common.over_base import PRESETS, OverOne, with_prefix, without_prefix
from lmcompare.models.hybrid.exhibits import exhibits
from lmcompare.models.hybrid.unseen_scores import unseen_scores
from lmcompare.models.ngram.plugin import NGram
from lmcompare.tokens import Encoded, IntArray, Vocabulary
from lmcompare.training.beside import Beside
from lmcompare.training.language_model import MemoryStepper, TorchLanguageModel
from lmcompare.training.loop import evaluated
from lmcompare.training.reading import read
from lmcompare.training.softmax import WHOLE_ROWS, Head

COUNTS = "counts."  # the prefix of the n-gram model's arrays


class Hybrid(OverOne):
    """A network and an n-gram model, mixed: at each word the network decides how much the counts are trusted.

    P(w | h) = (1 - g) P_net(w | h) + g P_counts(w | h), where g depends on what the network has read. The n-gram model
    is trained first, then the network for this mixture, so that it learns what counts do not know. In training it
    stands beside n-gram models that have not seen the word: the training text is left out part by part. Neubig and Dyer (2016), *Generalizing and hybridizing count-based and neural language
    models*, who mix the orders of the n-gram model one by one.

    Parameters
    ----------
    base : str, default "rnn"
        The plug-in of the network.
    options : table, optional
        The hyper-parameters of the network.
    preset : str, optional
        The preset of the network: "quick", "default" or "full"; ``options`` come on top of it.
    order : int, default 5
        n, the length of the longest n-gram in words; 1 to 100.
    """

    idea = Idea(2016, "Neubig and Dyer", "Generalizing and hybridizing count-based and neural language models")
    called = "a hybrid model"
    presets = PRESETS

    def __init__(
        self,
        base: str = "rnn",
        options: Mapping[str, Any] | None = None,
        preset: str | None = None,
        order: int = 5,
    ) -> None:
        check_whole("order", order, 1, HIGHEST_ORDER)
        network = self.set_base(base, options, preset)
        if not isinstance(network, TorchLanguageModel):
            raise PluginError(f"'{base}' can't be mixed with counts: choose a network of lmcompare's as the base")
        self._base: TorchLanguageModel = network
        self.order = order
        self._counts = NGram(order)
        self.notes: tuple[str, ...] = ()
        self._losses: tuple[float, ...] = ()  # on the validation text, in nats: of the counts, and of the mixture

    def warm_up(self) -> None:
        """Compile or load what both need."""
        self._counts.warm_up()
        super().warm_up()

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Train the n-gram model, and then the network beside it.

        Raises
        ------
        LmcompareError
            If the training text is empty, or if the network's output is not the softmax over all words.
        """
        if not len(train):
            raise LmcompareError("the training text is empty: give one with at least a sentence")
        began, network = time.perf_counter(), self._base
        alone = Setting(setting.vocabulary, setting.seed, threads=setting.threads)
        self._counts = NGram(self.order).fit(train, valid, alone)
        network.beside = Beside(
            unseen_scores(train, lambda text: NGram(self.order).fit(text, valid, alone)),
            self._counts.log_probs(evaluated(train, valid, network.recipe())),
        )
        if (seconds := setting.budget.seconds) is not None:
            left = max(0.0, seconds - (time.perf_counter() - began))
            setting = replace(setting, budget=replace(setting.budget, seconds=left))
        self.train_base(network, train, valid, setting)
        network.beside = None
        self._losses = ()
        if len(valid):
            scored = (model.log_probs(valid) for model in (self._counts, self))
            self._losses = tuple(-float(scores.mean()) for scores in scored)
        self.notes = (*self._counts.notes, *network.notes)
        return self

    def title(self) -> str:
        """Return its name for people."""
        return f"{self._base.title()} with {self.order}-gram"

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) nats of the mixture."""
        network, counts = self._base.trained_network(), self._counts.log_probs(text)
        scores = np.zeros(len(text), np.float64)
        with torch.inference_mode():
            for where, features in read(network, text, np.arange(len(text))):
                targets = torch.from_numpy(text.ids[where].astype(np.int64)).to(features.device)
                beside = torch.from_numpy(counts[where].astype(np.float32)).to(features.device)
                scores[where] = network.head.mixed_log_prob_of(features, targets, beside).double().cpu().numpy()
        return scores

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield blocks of positions and their distributions in the order in which the network reads."""
        yield from self._blocks(text, np.arange(len(text)))

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """(B, V) nats of the mixture."""
        out = np.empty((len(at), len(text.vocabulary)), np.float32)
        for where, block in self._blocks(text, np.asarray(at, np.int64)):
            out[where] = block
        return out

    def _blocks(self, text: Encoded, at: IntArray) -> Iterator[tuple[IntArray, FloatArray]]:
        network = self._base.trained_network()
        rows = max(1, min(WHOLE_ROWS, BLOCK_BYTES // (4 * len(text.vocabulary))))
        for where, features in read(network, text, at):
            for first in range(0, len(where), rows):
                part = where[first : first + rows]
                counts = self._counts.next_log_probs(text, at[part])
                with torch.inference_mode():  # not around the yield: whoever reads the blocks may need gradients
                    block = _mixed(network.head, features[first : first + rows], counts)
                yield part, block

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        """Return a stepper that carries the network's memory."""
        network = self._base.trained_network()
        return _BothStepper(
            network.head, MemoryStepper(network, prefix, vocabulary), self._counts.stepper(prefix, vocabulary)
        )

    def shares(self, text: Encoded) -> FloatArray:
        """Return (N,): the weight g of the counts in the guess of each token."""
        network = self._base.trained_network()
        found = np.zeros(len(text))
        with torch.inference_mode():
            for where, features in read(network, text, np.arange(len(text))):
                found[where] = torch.sigmoid(network.head.gate_of(features)).double().cpu().numpy()
        return found

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the worked mixture of one word, how much counts are trusted at each word, and the losses."""
        return exhibits(self, self._base, self._counts, self._losses, text)

    def in_page(self, valid: Encoded, *, whole: bool = False) -> PageCopy:
        """Raise ``LmcompareError``: the page has no mixtures."""
        raise LmcompareError("the page has no mixtures of a network and counts")

    def state(self) -> State:
        """Return the state of both."""
        arrays, values = with_prefix(COUNTS, self._counts)
        return self.state_with(arrays, {"counts": values, "losses": list(self._losses)})

    def restore(self, state: State) -> Self:
        """Restore the model; the stored hyper-parameters replace those given to ``__init__``."""
        values = state.values
        Hybrid.__init__(self, **values["hyperparameters"])
        self.restore_base(state)
        self._counts = NGram(self.order).restore(without_prefix(COUNTS, state, values["counts"]))
        self._losses = tuple(values["losses"])
        return self


def _mixed(head: Head, features: torch.Tensor, counts: FloatArray) -> FloatArray:
    """Return (n, V) nats of the mixture, for features (n, d) and the distributions of the counts (n, V)."""
    beside = torch.from_numpy(np.asarray(counts, np.float32)).to(features.device)
    block: FloatArray = head.mixed_log_probs(features, beside).cpu().numpy()
    return block


class _BothStepper(Stepper):
    def __init__(self, head: Head, network: MemoryStepper, counts: Stepper) -> None:
        self._head, self._network, self._counts = head, network, counts

    def log_probs(self) -> FloatArray:
        with torch.inference_mode():
            block = _mixed(self._head, self._network.features, self._counts.log_probs()[None])
        distribution: FloatArray = block[0]
        return distribution

    def push(self, token: int) -> None:
        self._network.push(token)
        self._counts.push(token)
