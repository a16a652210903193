"""The base classes of language models and of their decoding states, and helpers for the classes derived from them."""

from __future__ import annotations

import hashlib
import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from lmcompare.errors import LmcompareError, NotFittedError, PluginError, expanded, ordinary
from lmcompare.exhibits import Exhibit
from lmcompare.model.blocks import check_array, greatest, next_distributions, streamed
from lmcompare.model.values import Idea, PageCopy, Setting, Size, Traits
from lmcompare.state import State
from lmcompare.tokens import Encoded, FloatArray, IntArray, Vocabulary

T = TypeVar("T")

BLOCK_BYTES = 32 * 2**20  # a block of next-token distributions stays below this


class Stepper(ABC):
    """The state of decoding: a prefix to which tokens are appended one at a time."""

    @abstractmethod
    def log_probs(self) -> FloatArray:
        """Return the distribution of the next token, (V,) nats."""

    @abstractmethod
    def push(self, token: int) -> None:
        """Append a token. ``Vocabulary.check_one`` refuses an id that is not in the vocabulary."""

    def top_k(self, k: int) -> tuple[IntArray, FloatArray]:
        """Return the most likely next tokens.

        Override it if that is cheaper than to compute the whole distribution.

        Parameters
        ----------
        k : int
            The number of tokens to return; if it is above V, all V tokens are returned.

        Returns
        -------
        ids : array of int, shape (k,)
            The tokens, the most likely first and equally likely ones by id.
        log_probs : array, shape (k,)
            Their log-probabilities in nats.
        """
        log_probs = self.log_probs()
        check_array(log_probs, None, f"{type(self).__name__}.log_probs")
        ids = greatest(log_probs, k)
        return ids, log_probs[ids]


class LanguageModel(ABC):
    """Token ids in, natural-log probabilities out.

    A model must have ``fit``, ``next_log_probs``, ``state`` and ``restore``. It may override ``stream``,
    ``log_probs`` and ``stepper`` to be faster, ``title``, ``summary``, ``notes``, ``exhibits``, ``word_vectors``,
    ``context_vectors`` and ``study`` to explain itself, ``check_text`` to refuse a text, ``size`` and ``sized`` for
    its number of parameters, and ``file_formats`` to be written to files for other tools.

    Hyper-parameters are keyword arguments of ``__init__``, stored under their own names and JSON-able.

    Attributes
    ----------
    traits : Traits
        What the model declares about itself; set it in ``__init__`` if it depends on hyper-parameters.
    notes : tuple of str
        Sentences that a reader of the model's figures should know, for example that a parameter kept its default.
        ``fit`` and ``restore`` set them.
    idea : Idea, optional
        The publication that first had the model's idea; set it in ``__init__`` if it depends on hyper-parameters.
    presets : mapping
        Hyper-parameters for "quick", "default" and "full".
    tokens : mapping, optional
        The tokenizer of a model that brings its own, a table like an experiment's ``[tokens]``. Set it in
        ``__init__`` if it depends on hyper-parameters.
    files : tuple of str
        The hyper-parameters that are paths of files which ``fit`` reads. Their content is a part of the model: when
        it changes, the model is trained again.
    bases : tuple of str
        The hyper-parameters that name other plug-ins, which the model trains and uses. The code of these plug-ins is
        a part of the model in the same way.
    trains_in_steps : bool
        Whether ``setting.budget`` can change the model. A run trains a model without steps once for all budgets.
    known_failures : mapping of str to str
        The conformance checks that the model must fail, with the reasons.
    """

    traits: Traits = Traits()
    notes: tuple[str, ...] = ()
    idea: Idea | None = None
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    tokens: Mapping[str, Any] | None = None
    files: ClassVar[tuple[str, ...]] = ()
    bases: ClassVar[tuple[str, ...]] = ()
    trains_in_steps: bool = True
    known_failures: ClassVar[Mapping[str, str]] = {}

    # A model must have these

    @abstractmethod
    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Learn from a text.

        Parameters
        ----------
        train : Encoded
            The training text.
        valid : Encoded
            The validation text, which may guide choices such as when to stop. It may be empty.
        setting : Setting
            The vocabulary, the seed and the resources that may be used.

        Returns
        -------
        LanguageModel
            The model itself.
        """

    @abstractmethod
    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """Return the distribution of the token at each position, given what precedes it in its document.

        Parameters
        ----------
        text : Encoded
            N tokens in documents.
        at : array of int, shape (B,)
            Positions from 0 to N, in any order. Position N is one past the end of the last document.

        Returns
        -------
        array, shape (B, V)
            Log-probabilities in nats, float32 or float64.
        """

    @abstractmethod
    def state(self) -> State:
        """Return everything that ``restore`` needs."""

    @abstractmethod
    def restore(self, state: State) -> Self:
        """Become the trained model that has this state. Returns the model itself."""

    # A model may override these to be faster

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield positions and their distributions until every position of the text was yielded once.

        The order is the model's choice, so that a recurrent model can read documents side by side. The default calls
        ``next_log_probs`` for blocks of at most 32 MB.

        Yields
        ------
        at : array of int, shape (B,)
            Positions of the text.
        log_probs : array, shape (B, V)
            The distributions at these positions, in nats.
        """
        rows = max(1, BLOCK_BYTES // (4 * len(text.vocabulary)))
        for first in range(0, len(text), rows):
            at = np.arange(first, min(first + rows, len(text)))
            yield at, next_distributions(self, text, at)

    def log_probs(self, text: Encoded) -> FloatArray:
        """Return the (N,) log-probability of each token in nats, given what precedes it in its document."""
        scores = np.zeros(len(text), np.float64)
        for at, block in streamed(self, text):
            scores[at] = block[np.arange(len(at)), text.ids[at]]
        return scores

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        """Return the state of decoding after a prefix.

        Parameters
        ----------
        prefix : array of int, shape (n,)
            The first tokens of a document.
        vocabulary : Vocabulary
            The vocabulary of the ids.
        """
        return _Recompute(self, prefix, vocabulary)

    def has_stepper(self) -> bool:
        """Return whether ``stepper`` keeps what it has read, instead of reading the whole prefix at each step."""
        return type(self).stepper is not LanguageModel.stepper

    # A model may override these to explain itself

    def title(self) -> str:
        """Return a short name for people, without a full stop, such as "RNN with attention".

        It may depend on the hyper-parameters, but not on the training. The default is the class name in words:
        ``MyModel`` is "My model".
        """
        return words_of(type(self).__name__)

    def summary(self) -> str:
        """Return one sentence on what the model is; by default the first paragraph of the class's docstring."""
        return described(type(self).__doc__)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield figures and tables that explain the trained model.

        Parameters
        ----------
        text : Encoded
            A few example documents of one sentence each.
        """
        return ()

    def check_text(self, train: Encoded) -> None:
        """Raise an error if the model can't work with a training text, for example if its window is too long.

        A run calls it before it trains any model.
        """
        return

    def warm_up(self) -> None:
        """Compile or load the code that training and scoring need. The harness calls it before it times them."""
        return

    def tokens_before(self, train: Encoded) -> int:
        """Return how many tokens of the text are read before the training in steps, such as for word vectors."""
        return 0

    def study(self, train: Encoded, valid: Encoded, setting: Setting) -> None:
        """Compute what ``exhibits`` needs from the training and validation texts, and keep it for ``state``.

        It is called after ``fit`` and is not part of the training: it must not change any probability.
        """
        return

    def word_vectors(self) -> FloatArray | None:
        """Return the vectors of all types, (V, d), or None for a model without vectors."""
        return None

    def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray | None:
        """Return a vector of each token in its context.

        The default is the token's row of ``word_vectors``, which is the same in every context.

        Parameters
        ----------
        text : Encoded
            The text.
        at : array of int, shape (n,)
            Positions of tokens.

        Returns
        -------
        array, shape (n, d), or None
            Vectors of the document up to and including each token; None for a model without vectors.
        """
        vectors = self.word_vectors()
        return None if vectors is None else vectors[text.ids[at]]

    def layer_vectors(self, text: Encoded, at: IntArray) -> Sequence[FloatArray] | None:
        """Return the vectors of tokens in context, layer by layer; None for a model without layers.

        The first of these (n, d) arrays has the vectors before the first layer, the second those after it, and so on.
        """
        return None

    # Size and files

    def size(self) -> Size:
        """Return the number of fitted parameters and the bytes of the trained model.

        The default counts all floating-point values of ``state()``, or all integers if there are no floating-point
        values. Override it if some of these are not fitted, such as ids or indices into other arrays.
        """
        arrays = [np.asarray(a) for a in self.state().arrays.values()]
        floats = sum(a.size for a in arrays if np.issubdtype(a.dtype, np.floating))
        whole = sum(a.size for a in arrays if np.issubdtype(a.dtype, np.integer))
        return Size(parameters=floats or whole, bytes=sum(a.nbytes for a in arrays))

    def sized(self, parameters: int, types: int) -> Mapping[str, Any] | None:
        """Return the hyper-parameters that give the model a certain size.

        Parameters
        ----------
        parameters : int
            About how many parameters the model should have.
        types : int
            The size of the vocabulary.

        Returns
        -------
        mapping or None
            The hyper-parameters that change, or None for a model whose size follows from the text.

        Raises
        ------
        PluginError
            If the model can't have about this size.
        """
        return None

    def digest_of(self, name: str) -> str:
        """Return a digest of the file that a hyper-parameter in ``files`` names; by default that of its content."""
        with ordinary(expanded(getattr(self, name))).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def file_formats(self) -> Mapping[str, Callable[[Vocabulary, Path], None]]:
        """Return functions that write the trained model to a file for other tools, by file suffix, such as ".arpa".

        A function with the suffix "/" writes several files: it gets the path of an empty folder.
        """
        return {}

    # The copy for a page, and the hyper-parameters

    def in_page(self, valid: Encoded, *, whole: bool = False) -> PageCopy:
        """Return a copy of this model that the page of a report evaluates while a reader types.

        Parameters
        ----------
        valid : Encoded
            The validation text. What the copy leaves out may be estimated from it.
        whole : bool
            Whether the copy leaves nothing out, even if the page becomes large.

        Raises
        ------
        LmcompareError
            With the reason, if the page can't compute the model.
        """
        raise LmcompareError(f"there is no copy of {type(self).__name__} for the page")

    @classmethod
    def parameter_names(cls) -> tuple[str, ...]:
        """Return the names of the hyper-parameters. Raises ``PluginError`` for ``*args`` or ``**kwargs``."""
        kinds = inspect.Parameter
        if cls.__init__ is object.__init__:
            return ()
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        if any(p.kind in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD) for p in parameters):
            raise PluginError(f"{cls.__name__}.__init__ takes *args or **kwargs: name its hyper-parameters instead")
        return tuple(p.name for p in parameters)

    def hyperparameters(self) -> dict[str, Any]:
        """Return the hyper-parameters by name. Raises ``PluginError`` if one is not stored under its own name."""
        if missing := [name for name in self.parameter_names() if not hasattr(self, name)]:
            whose, name = type(self).__name__, missing[0]
            raise PluginError(f"{whose} does not store '{name}': set self.{name} = {name} in __init__")
        return {name: getattr(self, name) for name in self.parameter_names()}


class _Recompute(Stepper):
    """The default decoding state: it reads the whole prefix again at each step."""

    def __init__(self, model: LanguageModel, prefix: IntArray, vocabulary: Vocabulary) -> None:
        self._model, self._vocabulary = model, vocabulary
        self._ids = [int(i) for i in prefix]

    def log_probs(self) -> FloatArray:
        text = Encoded.from_documents([self._ids], self._vocabulary)
        distribution: FloatArray = next_distributions(self._model, text, np.array([len(self._ids)]))[0]
        return distribution

    def push(self, token: int) -> None:
        self._vocabulary.check_one(token)
        self._ids.append(token)


def words_of(name: str) -> str:
    """Return a class name as words: "My model" for ``MyModel``, "LSTM tagger" for ``LSTMTagger``."""
    words = re.findall(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z0-9]+|[0-9]+", name) or [name]
    first, *rest = [word if word.isupper() and len(word) > 1 else word.lower() for word in words]
    return " ".join([first[:1].upper() + first[1:], *rest])


def described(docstring: str | None) -> str:
    """Return the first paragraph of a model's docstring, on one line."""
    return " ".join((docstring or "").strip().partition("\n\n")[0].split()).replace("``", "")


def same_vocabulary(what: str, size: int, vocabulary: Vocabulary) -> None:
    """Raise ``PluginError`` unless a vocabulary has ``size`` types, like the one on which ``what`` was trained."""
    if len(vocabulary) != size:
        raise PluginError(
            f"{what} was trained on a vocabulary of {size:,} types, not of {len(vocabulary):,}: encode the text with"
            " the vocabulary of its training text"
        )


def fitted(value: T | None, model: LanguageModel) -> T:
    """Return ``value``, a part that ``fit`` makes. Raises ``NotFittedError`` if it is None."""
    if value is None:
        raise NotFittedError(f"this {type(model).__name__} is not trained yet: call fit or restore first")
    return value
