"""From a network to a language model: what every torch plug-in derives from."""

from __future__ import annotations

import time
from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from lmcompare.errors import LmcompareError, PluginError
from lmcompare.model import (
    BLOCK_BYTES,
    FloatArray,
    LanguageModel,
    Setting,
    State,
    Stepper,
    Traits,
    fitted,
)
from lmcompare.tokens import Encoded, IntArray, Vocabulary
from lmcompare.training.lanes import BoolArray
from lmcompare.training.loop import Outcome
from lmcompare.training.loop import train as run_training
from lmcompare.training.member import Texts, assembled, devices_of
from lmcompare.training.network import Memory, Network
from lmcompare.training.reading import read
from lmcompare.training.recipe import Recipe
from lmcompare.training.seeds import seeded
from lmcompare.training.softmax import WHOLE_ROWS
from lmcompare.training.team import Team

WIDEST = 2**20  # a network wider than that fits into no machine


class TorchLanguageModel(LanguageModel):
    """A language model whose probabilities come from a ``Network`` trained by the one loop.

    A plug-in names its hyper-parameters in ``__init__``, calls ``super().__init__()``, and writes ``network`` and
    ``recipe``. ``notes``: sentences on this training for the report; ``measured``: what ``measure`` returned, empty
    before ``study``.
    """

    traits = Traits(carries_state=True)
    widths: ClassVar[tuple[str, ...]] = ()  # hyper-parameters that grow together when it is given a size

    def __init__(self) -> None:
        self.notes = ()
        self.measured: Mapping[str, Any] = {}
        self._network: Network | None = None

    @abstractmethod
    def network(self, types: int) -> Network:
        """Return an untrained network over a vocabulary of V ``types``; its inputs are 0 … V, V the beginning."""

    @abstractmethod
    def recipe(self) -> Recipe:
        """Return how it is trained."""

    def check_settings(self) -> None:
        """Refuse what no training could use: called as ``__init__`` ends, it does so before any model is trained.

        Raises ``LmcompareError`` for a setting of the recipe or a dropout that is out of range.
        """
        Recipe.of(vars(self))
        share = getattr(self, "dropout", 0.0)
        if not 0 <= share < 1:
            raise LmcompareError(f"dropout is a share, at least 0 and below 1, not {share}")

    def prepare(self, network: Network, train: Encoded, setting: Setting) -> None:
        """Do what comes before training, in place: start from vectors made elsewhere, for one."""
        return

    def measure(self, train: Encoded, valid: Encoded, setting: Setting) -> Mapping[str, Any]:
        """Return what ``study`` measures of the trained model on its texts, JSON-able; stored with it."""
        return {}

    def width_step(self) -> int:
        """Return what its ``widths`` must be multiples of."""
        return 1

    # The contract

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Train on ``setting.device`` with ``setting.threads`` threads, from ``setting.seed``, within its budget."""
        if not len(train):
            raise LmcompareError("the training text is empty: give one with at least a sentence")
        devices_of(setting)
        torch.set_num_threads(setting.threads)
        with seeded(setting.seed, setting.device):
            network = self.network(len(train.vocabulary))
            network.head.start_from(train.vocabulary.counts)
            self.notes, self.measured = (), {}
            began = time.perf_counter()
            self.prepare(network, train, setting)
            spent = time.perf_counter() - began
            texts = Texts(train, valid, self._rare(train))
            with assembled(self, texts, setting) as team:
                outcome = self.train_with(team, network, texts, setting, spent=spent)
        self.notes = (*self.notes, *outcome.notes)
        self._network = network
        return self

    def study(self, train: Encoded, valid: Encoded, setting: Setting) -> None:
        """Keep what ``measure`` finds."""
        self.measured = self.measure(train, valid, setting)

    def train_with(
        self, team: Team, network: Network, texts: Texts, setting: Setting, *, spent: float = 0.0
    ) -> Outcome:
        """Train the network as one of the processes of a team, after ``spent`` seconds of what comes before."""
        return run_training(
            *(network, texts.train, texts.valid, self.recipe(), setting),
            rare=texts.rare,
            name=repr(self._identity()),
            team=team,
            spent=spent,
        )

    def _identity(self) -> tuple[str, dict[str, Any]]:
        return type(self).__qualname__, self.hyperparameters()

    def _rare(self, train: Encoded) -> BoolArray | None:
        """Return the words that teach ``<unk>`` where train has none: those seen once, in the text at hand."""
        counts = np.bincount(train.ids, minlength=len(train.vocabulary))
        if counts[train.vocabulary.unknown]:
            return None
        rare: BoolArray = counts == 1
        rare[train.vocabulary.end] = False
        if not rare.any():
            said = "Train holds no <unk> and no word seen once, so <unk> kept the probability it began with."
            self.notes = (*self.notes, said)
            return None
        said = "Train holds no <unk>: to learn it, words seen once were read as <unk> half of the time in training."
        self.notes = (*self.notes, said)
        return rare

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) nats; documents are read side by side, each once."""
        return self.log_probs_at(text, np.arange(len(text)))

    def log_probs_at(self, text: Encoded, at: IntArray) -> FloatArray:
        """(n,) nats: the log-probabilities of the tokens at these positions."""
        network = self._ready()
        scores = np.zeros(len(at), np.float64)
        with torch.inference_mode():
            for where, features in read(network, text, at):
                targets = torch.from_numpy(text.ids[at[where]].astype(np.int64)).to(features.device)
                scores[where] = network.head.log_prob_of(features, targets).double().cpu().numpy()
        return scores

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield blocks of positions and their distributions in the order in which the network reads."""
        yield from self._blocks(text, np.arange(len(text)))

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """(len(at), V) nats; each document is read from its beginning up to the last position asked for."""
        out = np.empty((len(at), len(text.vocabulary)), np.float32)
        for where, block in self._blocks(text, np.asarray(at, np.int64)):
            out[where] = block
        return out

    def _blocks(self, text: Encoded, at: IntArray) -> Iterator[tuple[IntArray, FloatArray]]:
        network = self._ready()
        rows = max(1, min(WHOLE_ROWS, BLOCK_BYTES // (4 * len(text.vocabulary))))
        with torch.inference_mode():
            for where, features in read(network, text, at):
                for first in range(0, len(where), rows):
                    block = network.head.log_probs(features[first : first + rows])
                    yield where[first : first + rows], block.cpu().numpy()

    def state(self) -> State:
        """The network's weights by name, the notes, and what was measured."""
        network = self._ready()
        arrays = {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
        values = {"types": network.head.types, "notes": list(self.notes), "measured": dict(self.measured)}
        return State(arrays, values)

    def restore(self, state: State) -> Self:
        """Build the network anew and take the stored weights."""
        with seeded(0):
            network = self.network(int(state.values["types"]))
        network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.arrays.items()})
        network.eval()
        self.notes = tuple(state.values.get("notes", ()))
        self.measured = state.values.get("measured", {})
        self._network = network
        return self

    def sized(self, parameters: int, types: int) -> Mapping[str, Any] | None:
        """Return ``widths``, in the proportions that they have, for about so many ``parameters``; None without any.

        Raises ``PluginError`` if the narrowest network has a tenth more.
        """
        if not self.widths:
            return None
        given = self._widths()
        step = self.width_step()
        first = given[self.widths[0]]

        def at(steps: int) -> dict[str, int]:
            return {
                name: step * max(1, round(steps * width / first)) if width else 0 for name, width in given.items()
            }

        def size(steps: int) -> int:
            with torch.device("meta"):  # nothing is filled in, so that any size costs nothing
                network = type(self)(**{**self.hyperparameters(), **at(steps)}).network(types)
            return sum(each.numel() for each in network.state_dict().values() if each.is_floating_point())

        above = 1
        while size(above) < parameters:
            above *= 2
            if above > WIDEST:
                raise PluginError(f"{type(self).__name__} can't be made of {parameters:.3g} parameters: match fewer")
        near = bisect_left(range(above), parameters, lo=1, key=size)
        best = min((max(1, near - 1), near), key=lambda steps: abs(size(steps) - parameters))
        if best == 1 and size(best) > 1.1 * parameters:
            raise PluginError(
                f"{type(self).__name__} can't be made of {parameters:,} parameters: over {types:,} types it has"
                f" {size(best):,} at the least; match more of them, or keep fewer types (--vocabulary-size)"
            )
        return at(best)

    def _widths(self) -> dict[str, int]:
        """Return the hyper-parameters named in ``widths``. Raises ``PluginError`` if they are no whole numbers."""
        names = tuple(self.widths)
        for name in names:
            if name not in self.parameter_names() or type(getattr(self, name)) is not int:
                raise PluginError(
                    f"{type(self).__name__}.widths names '{name}', which is no hyper-parameter with a whole number:"
                    " it lists the names of those that grow together"
                )
        return {name: getattr(self, name) for name in names}

    def word_vectors(self) -> FloatArray | None:
        """(V, d) the vectors that the network reads."""
        head = self._ready().head
        vectors: FloatArray = head.table[: head.types].detach().cpu().numpy()
        return vectors

    def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray | None:
        """(n, d) the features after the token at each position: those from which the network predicts the next."""
        network = self._ready()
        # features belong to the position that they predict: every document gets one more behind its last token
        documents = [np.append(ids, text.vocabulary.end) for ids in text.documents()]
        longer = Encoded.from_documents(documents, text.vocabulary)
        vectors = np.zeros((len(at), network.head.table.shape[1]), np.float32)
        for where, features in read(network, longer, at + text.document_of(at) + 1):
            vectors[where] = features.float().cpu().numpy()
        return vectors

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        """Return a ``Stepper`` that carries the network's memory: a token costs one step, however long the text."""
        return _MemoryStepper(self._ready(), prefix, vocabulary)

    def _ready(self) -> Network:
        return fitted(self._network, self)


class _MemoryStepper(Stepper):
    def __init__(self, network: Network, prefix: IntArray, vocabulary: Vocabulary) -> None:
        self._network, self._vocabulary = network, vocabulary
        vocabulary.check(prefix)
        self._memory: Memory | None = None
        self._features: Tensor
        inputs = network.inputs(prefix)
        for first in range(0, inputs.shape[1], 128):
            self._read(inputs[:, first : first + 128])

    def _read(self, inputs: Tensor) -> None:
        with torch.inference_mode():
            features, self._memory = self._network(inputs, self._memory)
        self._features = features[:, -1]

    def log_probs(self) -> FloatArray:
        with torch.inference_mode():
            distribution: FloatArray = self._network.head.log_probs(self._features)[0].cpu().numpy()
        return distribution

    def push(self, token: int) -> None:
        self._vocabulary.check_one(token)
        self._read(torch.tensor([[token]], device=self._network.head.table.device))
