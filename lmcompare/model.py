"""The contract: what a language model is to lmcompare.

A plug-in is one class that knows nothing of the harness. It takes ids and gives natural-log probabilities; every
metric, chart, check and continuation comes from the one primitive ``next_log_probs``.
"""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from lmcompare.errors import NotFittedError, PluginError
from lmcompare.exhibits import Exhibit
from lmcompare.state import State as State  # part of the contract
from lmcompare.tokens import Encoded, IntArray, Vocabulary
from lmcompare.tokens import FloatArray as FloatArray

T = TypeVar("T")

BLOCK_BYTES = 32 * 2**20  # a block of next-token distributions stays below this


@dataclass(frozen=True)
class Traits:
    """What a model declares of itself; the conformance kit and every run check it.

    ``causal``: a score depends on the document's past alone. ``normalised``: the next-token probabilities sum to
    one. ``adaptive``: it learns from the test text's past across documents. ``carries_state``: it uses what came
    before the current sentence. ``pretrained``: it has read text other than train.
    """

    causal: bool = True
    normalised: bool = True
    adaptive: bool = False
    carries_state: bool = False
    pretrained: bool = False


@dataclass(frozen=True)
class Progress:
    """How far ``fit`` has come. Losses are nats per token; ``tokens``: tokens read in training so far."""

    step: int
    steps: int | None = None
    train_loss: float | None = None
    valid_loss: float | None = None
    tokens: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Budget:
    """A limit on training that goes before a model's own hyper-parameters; one of the four, or none.

    ``tokens`` are tokens of train read, those read again included.
    """

    steps: int | None = None
    epochs: float | None = None
    seconds: float | None = None
    tokens: int | None = None


def _silent(_: Progress) -> None:
    return None


@dataclass(frozen=True)
class Setting:
    """What a run gives to ``fit``.

    ``device``: "cpu", "cuda", "cuda:0", "mps". ``threads``: how many a model may use. ``progress``: called now and
    then with a ``Progress``. ``checkpoints``: a folder of the model's own to go on from after a kill, or None.
    ``processes``: how many may train together, a GPU each or sharing the threads; a model that can't takes one.
    """

    vocabulary: Vocabulary
    seed: int = 0
    device: str = "cpu"
    threads: int = 1
    progress: Callable[[Progress], None] = _silent
    checkpoints: Path | None = None
    budget: Budget = Budget()
    processes: int = 1


@dataclass(frozen=True)
class Size:
    """``parameters``: numbers that were fitted; ``bytes``: what the trained model takes when stored."""

    parameters: int
    bytes: int


class Stepper(ABC):
    """Generation, a token at a time."""

    @abstractmethod
    def log_probs(self) -> FloatArray:
        """(V,) nats: the distribution of the next token."""

    @abstractmethod
    def push(self, token: int) -> None:
        """Append a token. ``Vocabulary.check`` refuses what is none."""

    def likeliest(self, places: int) -> tuple[IntArray, FloatArray]:
        """Return the ids of the ``places`` likeliest next tokens (at most V) and their nats, the likeliest first and
        equal ones by id. Override it where that is cheaper than the whole distribution.
        """
        log_probs = self.log_probs()
        ids = np.argsort(-log_probs, kind="stable")[:places]
        return ids, log_probs[ids]


class LanguageModel(ABC):
    """Ids in, natural-log probabilities out.

    Hyper-parameters are explicit keyword arguments of ``__init__``, stored under their own names and JSON-able.
    ``presets`` may hold keyword arguments for "quick", "default" and "full". A model that brings a tokenizer of its
    own names it in ``tokens``, a table like an experiment's ``[tokens]``. Hyper-parameters that are the paths of
    files which ``fit`` reads are named in ``files``: a run takes them as relative to the experiment's file, and
    trains again when a file's content has changed. Those that name other plug-ins, which the model trains and asks,
    are named in ``bases``: a run trains again when their code has changed. A model that must fail a conformance check
    names the check in ``known_failures``, with the reason. What a reader of the model's figures should know goes into
    ``notes``: sentences that ``fit`` or ``restore`` set, for example that a parameter fell back to its default.
    """

    traits: Traits = Traits()
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    tokens: ClassVar[Mapping[str, Any] | None] = None
    files: ClassVar[tuple[str, ...]] = ()
    bases: ClassVar[tuple[str, ...]] = ()
    known_failures: ClassVar[Mapping[str, str]] = {}
    notes: tuple[str, ...] = ()

    # What a model must have

    @abstractmethod
    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Learn from train; valid may guide choices (stopping, tuning). Returns self."""

    @abstractmethod
    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """(len(at), V) nats: the distribution of the token that stands, or would stand, at each position of ``at``,
        given all that precedes it in its document. A position may be N, one past the end of the last document.
        """

    @abstractmethod
    def state(self) -> State:
        """Return all that ``restore`` needs; the harness writes the files."""

    @abstractmethod
    def restore(self, state: State) -> Self:
        """Become the model whose state this is. Returns self."""

    def warm_up(self) -> None:
        """Compile or load the code that training and scoring need. The harness calls it before it times them."""
        return

    def study(self, train: Encoded, valid: Encoded, setting: Setting) -> None:
        """Work out, once trained, what ``exhibits`` tell of these texts, and keep it for ``state``.

        The harness calls it after ``fit``; its time counts as no training time, so that explaining costs a model
        nothing in the comparison. What it predicts must not change.
        """
        return

    # What follows from it; override for speed

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield (positions (B,), distributions (B, V) in nats) until every position of the text has come once.

        The order is the model's own, so that recurrent ones can read documents side by side. The default asks
        ``next_log_probs`` in blocks of at most 32 MB.
        """
        rows = max(1, BLOCK_BYTES // (4 * len(text.vocabulary)))
        for first in range(0, len(text), rows):
            at = np.arange(first, min(first + rows, len(text)))
            yield at, self.next_log_probs(text, at)

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) nats: the log-probability of each token given all that precedes it in its document."""
        scores = np.zeros(len(text), np.float64)
        for at, block in self.stream(text):
            check_block(block, len(at), text, type(self).__name__)
            scores[at] = block[np.arange(len(at)), text.ids[at]]
        return scores

    def title(self) -> str:
        """Return the name that people read: short, without a full stop, as "RNN with attention".

        It may depend on the hyper-parameters, but not on what was trained. The default is made of the class name:
        ``MyModel`` is "My model".
        """
        return words_of(type(self).__name__)

    def summary(self) -> str:
        """Return what it is with its hyper-parameters, in a sentence: by default what its class says."""
        return described(type(self))

    def size(self) -> Size:
        """Return the number of floating-point values of ``state()``, or of whole numbers if it has no others, and its
        bytes.

        Override it where some of these are no numbers that were fitted: ids, places in other arrays.
        """
        arrays = [np.asarray(a) for a in self.state().arrays.values()]
        floats = sum(a.size for a in arrays if np.issubdtype(a.dtype, np.floating))
        whole = sum(a.size for a in arrays if np.issubdtype(a.dtype, np.integer))
        return Size(parameters=floats or whole, bytes=sum(a.nbytes for a in arrays))

    def sized(self, parameters: int, types: int) -> Mapping[str, Any] | None:
        """Return the hyper-parameters that give it about so many ``parameters`` over a vocabulary of V ``types``.

        None for a model whose size follows from the text. Raises ``PluginError`` where it can't come near.
        """
        return None

    def word_vectors(self) -> FloatArray | None:
        """(V, d) one vector a token, or None for a model without vectors."""
        return None

    def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray | None:
        """(n, d) what the model holds where each token at ``at`` stands, having read its document up to and including
        that token, or None for a model without vectors. The report shows by it what context does to a word.

        The default is the token's row of ``word_vectors``: one vector, wherever the token stands.
        """
        vectors = self.word_vectors()
        return None if vectors is None else vectors[text.ids[at]]

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield what explains the model, shown on ``text``: a few example documents of one sentence each."""
        return ()

    def file_formats(self) -> Mapping[str, Callable[[Vocabulary, Path], None]]:
        """Return what writes the trained model to a file that other tools read, by the file's suffix, as ".arpa"."""
        return {}

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        """Return a ``Stepper`` that stands after ``prefix`` (n,), the beginning of a document."""
        return _Recompute(self, prefix, vocabulary)

    # What the harness asks of every model

    @classmethod
    def parameter_names(cls) -> tuple[str, ...]:
        """The names of the hyper-parameters. Raises ``PluginError`` for ``*args`` or ``**kwargs`` in ``__init__``."""
        kinds = inspect.Parameter
        if cls.__init__ is object.__init__:
            return ()
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        if any(p.kind in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD) for p in parameters):
            raise PluginError(f"{cls.__name__}.__init__ takes *args or **kwargs: name its hyper-parameters instead")
        return tuple(p.name for p in parameters)

    def hyperparameters(self) -> dict[str, Any]:
        """Return the hyper-parameters by name. Raises ``PluginError`` if one is not stored under its own name."""
        missing = [name for name in self.parameter_names() if not hasattr(self, name)]
        if missing:
            raise PluginError(f"{type(self).__name__} does not store '{missing[0]}' under that name in __init__")
        return {name: getattr(self, name) for name in self.parameter_names()}


class _Recompute(Stepper):
    """The stepper of a model that has none: it reads the whole prefix again at each step."""

    def __init__(self, model: LanguageModel, prefix: IntArray, vocabulary: Vocabulary) -> None:
        self._model, self._vocabulary = model, vocabulary
        self._ids = [int(i) for i in prefix]

    def log_probs(self) -> FloatArray:
        text = Encoded.from_documents([self._ids], self._vocabulary)
        distribution: FloatArray = self._model.next_log_probs(text, np.array([len(self._ids)]))[0]
        return distribution

    def push(self, token: int) -> None:
        self._vocabulary.check_one(token)
        self._ids.append(token)


def words_of(name: str) -> str:
    """Return a class name as words: "My model" for ``MyModel``, "LSTM tagger" for ``LSTMTagger``."""
    words = re.findall(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z0-9]+|[0-9]+", name) or [name]
    first, *rest = [word if word.isupper() and len(word) > 1 else word.lower() for word in words]
    return " ".join([first[:1].upper() + first[1:], *rest])


def described(cls: type[LanguageModel]) -> str:
    """Return the first paragraph of a model's docstring, on one line."""
    return " ".join((cls.__doc__ or "").strip().partition("\n\n")[0].split()).replace("``", "")


def check_block(block: object, rows: int, text: Encoded, name: str) -> None:
    """Raise ``PluginError`` unless a model's distributions are an array of (``rows``, V)."""
    wanted = (rows, len(text.vocabulary))
    if not isinstance(block, np.ndarray) or block.shape != wanted:
        found = f"shape {block.shape}" if isinstance(block, np.ndarray) else f"a {type(block).__name__}"
        raise PluginError(f"{name} gave {found} for {rows} positions: next_log_probs returns an array of {wanted}")


def same_vocabulary(what: str, size: int, vocabulary: Vocabulary) -> None:
    """Raise ``PluginError`` unless a vocabulary has as many types, ``size``, as the one ``what`` was trained on."""
    if len(vocabulary) != size:
        raise PluginError(
            f"{what} was trained on a vocabulary of {size:,} types, not of {len(vocabulary):,}: encode the text with"
            " the vocabulary it was trained with"
        )


def fitted(value: T | None, model: LanguageModel) -> T:
    """Return a part that ``fit`` makes. Raises ``NotFittedError`` while it is None."""
    if value is None:
        raise NotFittedError(f"this {type(model).__name__} is not trained yet: call fit or restore first")
    return value
