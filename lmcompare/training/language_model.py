"""The base classes of language models whose probabilities come from a neural network."""

from __future__ import annotations

import json
import time
from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import torch
from torch import Tensor

from lmcompare.errors import LmcompareError, PluginError, one_line
from lmcompare.model import (
    BLOCK_BYTES,
    SHORT_WINDOW,
    FloatArray,
    LanguageModel,
    PageCopy,
    Progress,
    Setting,
    State,
    Stepper,
    Traits,
    check_reach,
    check_whole,
    fitted,
    same_vocabulary,
)
from lmcompare.state import DamagedStateError, check_range
from lmcompare.tokens import Encoded, IntArray, Vocabulary
from lmcompare.training.checkpoint import seeded
from lmcompare.training.lanes import BoolArray, Teacher, Texts
from lmcompare.training.loop import Outcome, Team, Training, Watch
from lmcompare.training.network import Memory, Network, read
from lmcompare.training.pocket import Pocket
from lmcompare.training.recipe import Recipe, check_choice, tables_of_vectors
from lmcompare.training.softmax import WHOLE_ROWS
from lmcompare.training.spelling import spelled
from lmcompare.training.team import assembled, devices_of

FORMAT = "lmcompare network 1"


def write_network(
    model: str, hyperparameters: Mapping[str, Any], network: torch.nn.Module, vocabulary: Vocabulary, path: Path
) -> None:
    """Write the weights of a network, by their names in the network.

    The metadata are ``format``; ``model``, the name of the class; and, as JSON, ``hyperparameters`` and
    ``vocabulary``, the V tokens in the order of their ids.
    """
    from safetensors.torch import save_file

    about = {
        "format": FORMAT,
        "model": model,
        "hyperparameters": json.dumps(dict(hyperparameters), ensure_ascii=False),
        "vocabulary": json.dumps(list(vocabulary.tokens), ensure_ascii=False),
    }
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    save_file(weights, path, about)


WIDEST = 2**20  # no machine can hold a wider network
ABOUT = 10_000  # types of a vocabulary that is not known yet
N = TypeVar("N", bound=Network)


class TorchLanguageModel(LanguageModel):
    """A language model whose probabilities come from a ``Network`` that the training loop of lmcompare trains.

    A plug-in derives from ``TunableLanguageModel`` and defines ``network``. Hyper-parameters that have the name of a
    setting of ``Recipe`` decide how it is trained.

    Attributes
    ----------
    widths : tuple of str
        The hyper-parameters that grow together when a run asks for a model of a given size.
    notes : tuple of str
        Sentences on this training for the report.
    measured : mapping
        The result of ``measure``; empty before ``study``.
    teacher : Teacher or None
        What another model predicts for each token of the training text; set it before ``fit`` to learn from it, too.
    end : int
        The id of ``</s>`` in the vocabulary of the training text. ``fit`` and ``restore`` set it before they ask for
        the ``network``.
    """

    traits = Traits(carries_state=True)
    trains_in_steps = True
    widths: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.notes = ()
        self.measured: Mapping[str, Any] = {}
        self.teacher: Teacher | None = None
        self.end = 1
        self._network: Network | None = None

    @abstractmethod
    def network(self, types: int) -> Network:
        """Return an untrained network.

        Parameters
        ----------
        types : int
            V, the size of the vocabulary. The network's inputs are the ids 0 … V - 1, and V: a document's beginning.
        """

    def recipe(self) -> Recipe:
        """Return the training settings: by default the hyper-parameters with the names of the recipe's fields."""
        return Recipe.of(self.hyperparameters())

    def check_settings(self) -> None:
        """Raise ``LmcompareError`` if a training setting or ``dropout`` is out of range."""
        given = self.hyperparameters()
        Recipe.of(given)
        share = given.get("dropout", 0.0)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 1:
            raise LmcompareError(f"dropout must be a number, at least 0 and below 1, not {share}")

    def prepare(self, network: Network, train: Encoded, setting: Setting) -> None:
        """Change the untrained network in place, for example to start from word vectors made elsewhere."""
        return

    def measure(self, train: Encoded, valid: Encoded, setting: Setting) -> Mapping[str, Any]:
        """Return measurements of the trained model for its exhibits, JSON-able; they are stored with the model."""
        return {}

    def work(self) -> float:
        """Return about how many multiplications the training takes: a run begins the longest first.

        By the recipe, a token is multiplied with the weights inside the network and the vectors of the candidates.
        """
        recipe = self.recipe()
        with torch.device("meta"):  # a device that allocates no memory
            network = self.network(ABOUT)
        tables = {id(each) for each in tables_of_vectors(network)}
        inner = sum(each.numel() for each in network.parameters() if id(each) not in tables)
        tokens = recipe.steps * recipe.batch * recipe.length
        return float(tokens * (inner + (recipe.candidates or ABOUT) * network.head.table.shape[1]))

    def width_step(self) -> int:
        """Return the number that must divide all ``widths``."""
        return 1

    # The contract

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Train on ``setting.device`` with ``setting.threads`` threads, from ``setting.seed``, within its budget.

        Raises
        ------
        LmcompareError
            If training does not converge.
        """
        devices_of(setting)
        torch.set_num_threads(setting.threads)
        self.end = train.vocabulary.end
        with seeded(setting.seed, setting.device):
            network = self.network(len(train.vocabulary))
            network.head.start_from(train.vocabulary.counts)
            self.notes, self.measured = (), {}
            began = time.perf_counter()
            self.prepare(network, train, setting)
            spent = time.perf_counter() - began
            texts = Texts(train, valid, self._rare(train), self.teacher)
            with assembled(self, texts, setting) as team:
                outcome = self.train_with(team, network, texts, setting, spent=spent)
        self.notes = (*self.notes, *outcome.notes)
        self._network = network
        return self

    def study(self, train: Encoded, valid: Encoded, setting: Setting) -> None:
        self.measured = self.measure(train, valid, setting)

    def train_with(
        self, team: Team, network: Network, texts: Texts, setting: Setting, *, spent: float = 0.0
    ) -> Outcome:
        """Train the network as one process of a team; ``spent`` seconds of the budget are already used."""
        name, recipe = repr((type(self).__qualname__, self.hyperparameters())), self.recipe()
        began = time.perf_counter()
        words = texts.train.vocabulary.tokens
        with spelled(network.head, words) if recipe.spelling else nullcontext():
            training = Training(
                network,
                texts,
                recipe,
                setting,
                name=name,
                team=team,
                spent=spent + time.perf_counter() - began,
                milestone=self._milestone(network, setting),
                watch=self.watch(network, texts, setting),
            )
            return training.run()

    def _milestone(self, network: Network, setting: Setting) -> Callable[[Progress], float] | None:
        """Return a function that scores the model with the network's present weights; None without milestones."""
        if (asked := setting.milestones) is None:
            return None

        def score(progress: Progress) -> float:
            self._network = network
            return asked.score(self, progress)

        return score

    def watch(self, network: Network, texts: Texts, setting: Setting) -> Watch | None:
        """Return the argument ``watch`` of ``Training``, which watches each training step; by default None."""
        return None

    def _rare(self, train: Encoded) -> BoolArray | None:
        """Return the (V,) mask of the words that are read as ``<unk>`` half of the time; None if no word is."""
        counts = np.bincount(train.ids, minlength=len(train.vocabulary))
        if train.vocabulary.unknown is None or counts[train.vocabulary.unknown]:
            return None
        rare: BoolArray = counts == 1
        rare[train.vocabulary.end] = False
        if rare.any():
            said = ": to learn it, words that occur once were read as <unk> half of the time."
        else:
            said = " and no word that occurs once, so <unk> kept its initial probability."
        self.notes = (*self.notes, f"The training text has no <unk>{said}")
        return rare if rare.any() else None

    def log_probs(self, text: Encoded) -> FloatArray:
        return self.log_probs_at(text, np.arange(len(text)))

    def log_probs_at(self, text: Encoded, at: IntArray) -> FloatArray:
        """Return (n,) nats: the log-probabilities of the tokens at these positions."""
        network = self._network_for(text.vocabulary)
        scores = np.zeros(len(at), np.float64)
        with torch.inference_mode():
            for where, features in read(network, text, at):
                targets = torch.from_numpy(text.ids[at[where]].astype(np.int64)).to(features.device)
                scores[where] = network.head.log_prob_of(features, targets).double().cpu().numpy()
        return scores

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        yield from self._blocks(text, np.arange(len(text)))

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """Return (n, V) nats. Each document is read from its beginning up to the last position in ``at``."""
        out = np.empty((len(at), len(text.vocabulary)), np.float32)
        for where, block in self._blocks(text, np.asarray(at, np.int64)):
            out[where] = block
        return out

    def _blocks(self, text: Encoded, at: IntArray) -> Iterator[tuple[IntArray, FloatArray]]:
        network = self._network_for(text.vocabulary)
        rows = max(1, min(WHOLE_ROWS, BLOCK_BYTES // (4 * len(text.vocabulary))))
        for where, features in read(network, text, at):
            for first in range(0, len(where), rows):
                with torch.inference_mode():  # not around the yield: the caller may need gradients
                    block = network.head.log_probs(features[first : first + rows]).cpu().numpy()
                yield where[first : first + rows], block

    def state(self) -> State:
        """Return the network's weights by name, the notes and the measurements."""
        network = self.trained_network()
        arrays = {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
        values = {"types": network.head.types, "end": self.end}
        return State(arrays, {**values, "notes": list(self.notes), "measured": dict(self.measured)})

    def restore(self, state: State) -> Self:
        """Build the network and set the stored weights. Raises ``DamagedStateError`` for those of another one."""
        self.end = int(state.values.get("end", 1))
        with seeded(0):
            network = self.network(int(state.values["types"]))
        for name, array in state.arrays.items():
            check_range(name, array, -np.inf, np.inf)
        try:
            network.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in state.arrays.items()})
        except RuntimeError as error:
            raise DamagedStateError(one_line(error)) from None
        network.eval()
        self.notes = tuple(state.values.get("notes", ()))
        self.measured = state.values.get("measured", {})
        self._network = network
        return self

    def in_page(self, valid: Encoded, *, whole: bool = False) -> PageCopy:
        """Return a pocket copy of the network; a ``whole`` copy keeps all words, and 8 bits per number."""
        network = self.trained_network()
        made = Pocket(network, network.in_page(), valid, whole=whole)
        return PageCopy(made.table(), made.log_probs)

    def file_formats(self) -> Mapping[str, Callable[[Vocabulary, Path], None]]:
        """Return the writer of ``.safetensors`` files: the network's weights, hyper-parameters and vocabulary."""
        given = {name: value for name, value in self.hyperparameters().items() if name not in self.files}
        return {".safetensors": partial(write_network, type(self).__name__, given, self.trained_network())}

    def sized(self, parameters: int, types: int) -> Mapping[str, Any] | None:
        """Return values for ``widths``, in their present proportions, that give the network a certain size.

        Parameters
        ----------
        parameters : int
            About how many parameters the network should have.
        types : int
            V, the size of the vocabulary.

        Returns
        -------
        mapping or None
            The new hyper-parameters; None if the plug-in names no ``widths``.

        Raises
        ------
        PluginError
            If even the narrowest network has more than 1.1 times as many parameters, or even the widest has fewer.
        """
        if not self.widths:
            return None
        for name in self.widths:
            if name not in self.parameter_names() or type(getattr(self, name)) is not int:
                raise PluginError(
                    f"{type(self).__name__}.widths names '{name}', which is not a hyper-parameter with a whole"
                    " number: list only the hyper-parameters that grow together"
                )
        given = {name: getattr(self, name) for name in self.widths}
        step = self.width_step()
        first = next(iter(given.values()))

        def at(steps: int) -> dict[str, int]:
            return {
                name: step * max(1, round(steps * width / first)) if width else 0 for name, width in given.items()
            }

        def size(steps: int) -> int:
            with torch.device("meta"):  # a device that allocates no memory, so that any size is possible
                network = type(self)(**{**self.hyperparameters(), **at(steps)}).network(types)
            return sum(each.numel() for each in network.state_dict().values() if each.is_floating_point())

        above = 1
        while size(above) < parameters:
            above *= 2
            if above > WIDEST:
                raise PluginError(f"it can't be made of {parameters:.3g} parameters: match fewer parameters")
        near = bisect_left(range(above), parameters, lo=1, key=size)
        best = min((max(1, near - 1), near), key=lambda steps: abs(size(steps) - parameters))
        if best == 1 and size(best) > 1.1 * parameters:
            raise PluginError(
                f"it can't be made of {parameters:,} parameters, since it has at least {size(best):,} with a"
                f" vocabulary of {types:,} types: match more parameters, or keep fewer types in the vocabulary"
            )
        return at(best)

    def word_vectors(self) -> FloatArray:
        head = self.trained_network().head
        vectors: FloatArray = head.table[: head.types].detach().cpu().numpy()
        return vectors

    def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray | None:
        """Return (n, d): the features from which the network predicts the token after each position."""
        network = self._network_for(text.vocabulary)
        # Features belong to the position that they predict, so every document gets one more token at its end.
        documents = [np.append(ids, text.vocabulary.end) for ids in text.documents()]
        longer = Encoded.from_documents(documents, text.vocabulary)
        vectors = np.zeros((len(at), network.head.table.shape[1]), np.float32)
        for where, features in read(network, longer, at + text.document_of(at) + 1):
            vectors[where] = features.float().cpu().numpy()
        return vectors

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        """Return a ``Stepper`` with the network's memory: a token costs one step, however long the prefix is."""
        return _MemoryStepper(self._network_for(vocabulary), prefix, vocabulary)

    def trained_network(self) -> Network:
        """Return the trained network.

        Raises
        ------
        NotFittedError
            Before ``fit`` or ``restore``.
        """
        return fitted(self._network, self)

    def _network_for(self, vocabulary: Vocabulary) -> Network:
        """Return the trained network, which must have been trained on a vocabulary of this size."""
        network = self.trained_network()
        same_vocabulary(f"this {type(self).__name__}", network.head.types, vocabulary)
        return network

    def trained_as(self, kind: type[N]) -> N:
        """Return the trained network, which must be of this class."""
        network = self.trained_network()
        assert isinstance(network, kind)
        return network


@dataclass(eq=False, kw_only=True)
class TunableLanguageModel(TorchLanguageModel):
    """A neural model whose training settings are hyper-parameters.

    A derived class is a dataclass, whose fields are the model's hyper-parameters. It may change the defaults of the
    training settings. Its ``__post_init__`` checks the class's own hyper-parameters before it calls this one.

    Parameters
    ----------
    dropout : float, default=0.1
        Dropout in the network.
    steps : int, default=1000
        Optimiser steps; a budget of the run overrides them.
    batch : int, default=16
        Documents read side by side.
    length : int, default=64
        Tokens of each document read in a step.
    alone : float, default=0.0
        The share of steps that read single sentences as documents of their own.
    learning_rate : float, default=0.01
        The peak learning rate.
    optimiser : {"adamw", "muon"}, default="adamw"
        AdamW for all weights, or Muon for the matrices inside the network.
    weight_decay : float, default=0.4
        The weight decay of matrices.
    candidates : int, default=768
        Negative samples of the sampled softmax in training; 0 trains with the full softmax.
    spelling : bool, default=True
        Whether each word vector has a part for the word's letters in training, as in fastText.
    patience : int, default=0
        Evaluations without improvement after which training stops; 0 never stops early.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        The precision of training; "auto" uses bfloat16 where the processor multiplies it.

    Attributes
    ----------
    reaches : tuple of str
        The hyper-parameters that say how far back the model sees: none may be longer than the longest document.
    """

    reaches: ClassVar[tuple[str, ...]] = ()

    dropout: float = 0.1
    steps: int = 1000
    batch: int = 16
    length: int = 64
    alone: float = 0.0
    learning_rate: float = 1e-2
    optimiser: str = "adamw"
    weight_decay: float = 0.4
    candidates: int = 768
    spelling: bool = True
    patience: int = 0
    precision: str = "auto"

    def __post_init__(self) -> None:
        super().__init__()
        self.check_settings()

    @classmethod
    def parameter_names(cls) -> tuple[str, ...]:
        """Return the names of the hyper-parameters: first the model's own, then the training settings."""
        shared = {field.name for field in fields(TunableLanguageModel)}
        return tuple(sorted(super().parameter_names(), key=shared.__contains__))

    def check_text(self, train: Encoded) -> None:
        for name in self.reaches:
            check_reach(name, getattr(self, name), train, "document", SHORT_WINDOW)

    def check_whole(self, least: int, *names: str, most: int = 10**7) -> None:
        """Raise ``LmcompareError`` unless these hyper-parameters are whole numbers from ``least`` to ``most``."""
        for name in names:
            check_whole(name, getattr(self, name), least, most)

    def check_choice(self, name: str, choices: Sequence[str]) -> None:
        """Raise ``LmcompareError`` unless a hyper-parameter is one of the choices."""
        check_choice(name, getattr(self, name), choices)


class _MemoryStepper(Stepper):
    def __init__(self, network: Network, prefix: IntArray, vocabulary: Vocabulary) -> None:
        self._network, self._vocabulary = network, vocabulary
        vocabulary.check(prefix)
        self._memory: Memory | None = None
        self._features: Tensor
        inputs = network.inputs(prefix)
        for first in range(0, inputs.shape[1], network.piece):
            self._read(inputs[:, first : first + network.piece])

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
