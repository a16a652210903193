"""The protocols of a language model: what it must predict, and what it may do besides.

Each protocol is a class with defaults, from which ``LanguageModel`` derives. A model overrides the methods of the
protocols that it supports. The functions at the end check what the methods of a model return.
"""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from lmcompare.errors import LmcompareError, PluginError, expanded, kind_of, ordinary
from lmcompare.exhibits import Exhibit
from lmcompare.model.values import Idea, PageCopy, Setting, Size
from lmcompare.state import State
from lmcompare.tokens import Encoded, FloatArray, IntArray, Vocabulary

BLOCK_BYTES = 32 * 2**20  # a block of next-token distributions stays below this
MOST_EMPTY = 1000  # blocks without positions that a stream may yield in a row


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


class Predicts(ABC):
    """A model gives the distribution of the next token. This is the one protocol that every model must implement."""

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


class Streams(Predicts):
    """A model can score a whole text faster than position by position.

    Override ``stream`` if another order of reading is faster, and ``log_probs`` if the score of one token is cheaper
    than a whole distribution. All methods must give the same figures as ``next_log_probs``.
    """

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


class Steps(Predicts):
    """A model can append a token to a prefix without reading the prefix again."""

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
        return type(self).stepper is not Steps.stepper


class HasVectors:
    """A model has vectors of words, of words in context, or of words layer by layer."""

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


class ExplainsItself:
    """A model says in words, figures and tables what it is and what it has learnt.

    Attributes
    ----------
    notes : tuple of str
        Sentences that a reader of the model's figures should know, for example that a parameter kept its default.
        ``fit`` sets them; they are part of the state.
    idea : Idea, optional
        The publication that first had the model's idea; set it in ``__init__`` if it depends on hyper-parameters.
    """

    notes: tuple[str, ...] = ()
    idea: Idea | None = None

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

    def study(self, train: Encoded, valid: Encoded, setting: Setting) -> None:
        """Compute what ``exhibits`` needs from the training and validation texts, and keep it for ``state``.

        It is called after ``fit`` and is not part of the training: it must not change any probability.
        """
        return


class CanBeSized(ABC):
    """A model knows its size, and which hyper-parameters give it another size."""

    @abstractmethod
    def state(self) -> State:
        """Return everything that ``restore`` needs."""

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


class TrainsInSteps:
    """A model is trained in steps, so that a budget can change it, or needs preparations before it is trained.

    Attributes
    ----------
    trains_in_steps : bool
        Whether ``setting.budget`` can change the model. A run trains a model without steps once for all budgets.
    """

    trains_in_steps: bool = False

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


class ReadsFiles:
    """A model depends on files, or on the code of other plug-ins.

    Attributes
    ----------
    files : tuple of str
        The hyper-parameters that are paths of files which ``fit`` reads. Their content is a part of the model: when
        it changes, the model is trained again.
    bases : tuple of str
        The hyper-parameters that name other plug-ins, which the model trains and uses. The code of these plug-ins is
        a part of the model in the same way.
    """

    files: ClassVar[tuple[str, ...]] = ()
    bases: ClassVar[tuple[str, ...]] = ()

    def digest_of(self, name: str) -> str:
        """Return a digest of the file that a hyper-parameter in ``files`` names; by default that of its content."""
        with ordinary(expanded(getattr(self, name))).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


class WritesFiles:
    """A trained model can be written to files for other tools."""

    def file_formats(self) -> Mapping[str, Callable[[Vocabulary, Path], None]]:
        """Return functions that write the trained model to a file for other tools, by file suffix, such as ".arpa".

        A function with the suffix "/" writes several files: it gets the path of an empty folder.
        """
        return {}


class RunsInPage:
    """The page of a report can evaluate the model while a reader types."""

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


class _Recompute(Stepper):
    """The default decoding state: it reads the whole prefix again at each step."""

    def __init__(self, model: Predicts, prefix: IntArray, vocabulary: Vocabulary) -> None:
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


def check_array(answer: object, shape: tuple[int, ...] | None, what: str) -> None:
    """Raise ``PluginError`` unless the answer of the method ``what`` is an array of float32 or float64.

    The array must have this ``shape``; None stands for any shape with one axis.
    """
    if not isinstance(answer, np.ndarray) or isinstance(answer, np.ma.MaskedArray | np.matrix):
        raise PluginError(f"{what} returned {kind_of(answer)}: return a plain numpy array of float32 or float64")
    if answer.ndim != 1 if shape is None else answer.shape != shape:
        wanted = "it must have one axis" if shape is None else f"it must be {shape}"
        raise PluginError(f"{what} returned shape {answer.shape}: {wanted}")
    if answer.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise PluginError(f"{what} returned {answer.dtype}: return float32 or float64")


def greatest(values: FloatArray, k: int | None) -> IntArray:
    """Return the indices of the k greatest of (n,) values, the greatest first and equal values in their order.

    If k is None, all indices are returned. NaN comes last.
    """
    if k is None or not 0 < k < len(values):
        return np.argsort(-values, kind="stable")[:k]
    least = -np.partition(-values, k - 1)[k - 1]
    some = np.flatnonzero(values >= least)
    if len(some) < k:  # fewer than k of the values are not NaN
        return np.argsort(-values, kind="stable")[:k]
    found: IntArray = some[np.argsort(-values[some], kind="stable")[:k]]
    return found


def next_distributions(model: Predicts, text: Encoded, at: IntArray) -> FloatArray:
    """Return ``next_log_probs``, (B, V). Raises ``PluginError`` if the model does not return such an array."""
    answer = model.next_log_probs(text, at)
    check_array(answer, (len(at), len(text.vocabulary)), f"{type(model).__name__}.next_log_probs")
    return answer


def check_stepper(stepper: object, whose: str) -> None:
    """Raise ``PluginError`` unless the object that ``whose.stepper`` returned has the methods of a ``Stepper``."""
    for method in ("log_probs", "push", "top_k"):
        if not callable(getattr(stepper, method, None)):
            raise PluginError(
                f"{whose}.stepper returned {kind_of(stepper)} without {method}: return an lmcompare.Stepper"
            )


def most_likely(stepper: Stepper, k: int, whose: str) -> tuple[IntArray, FloatArray]:
    """Return the (k,) most likely tokens and their nats. Raises ``PluginError`` if these are not such arrays."""
    answer = stepper.top_k(k)
    what = f"top_k of {whose}'s stepper"
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise PluginError(f"{what} returned {kind_of(answer)}: return two arrays, of tokens and log-probabilities")
    ids, nats = answer
    if not isinstance(ids, np.ndarray) or ids.shape != (k,) or ids.dtype.kind not in "iu":
        raise PluginError(f"{what} returned tokens that are not whole numbers in an array of ({k},)")
    check_array(nats, (k,), what)
    return ids, nats


def streamed(model: Streams, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
    """Yield the (B,) positions and (B, V) distributions of ``model.stream``, every position once.

    An endless stream is stopped at the first position that it repeats, or after many empty blocks. Raises
    ``PluginError`` for such a stream, for a block that is not positions with their distributions, and for positions
    that are left out.
    """
    name = type(model).__name__
    seen, empty = np.zeros(len(text), np.bool_), 0
    pairs = model.stream(text)
    if not isinstance(pairs, Iterable):
        raise PluginError(f"{name}.stream returned {kind_of(pairs)}: yield pairs of positions and distributions")
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise PluginError(f"{name}.stream yields {kind_of(pair)}: yield pairs of positions and distributions")
        at, block = np.asarray(pair[0]), pair[1]
        if at.ndim != 1 or (len(at) and at.dtype.kind not in "iu"):
            raise PluginError(f"{name}.stream yields positions that are not whole numbers in an array of (B,)")
        at = at.astype(np.int64, copy=False)
        check_array(block, (len(at), len(text.vocabulary)), f"{name}.stream")
        empty = 0 if len(at) else empty + 1
        if empty > MOST_EMPTY:
            raise PluginError(f"{name}.stream yields more than {MOST_EMPTY:,} empty blocks in a row: end it")
        if len(at) and (at.min() < 0 or at.max() >= len(text)):
            wrong = at.min() if at.min() < 0 else at.max()
            raise PluginError(
                f"{name}.stream yields position {wrong} of a text of {len(text)} tokens: positions are 0 to"
                f" {len(text) - 1}"
            )
        if seen[at].any() or (np.any(at[1:] <= at[:-1]) and len(np.unique(at)) < len(at)):
            twice = at[seen[at]] if seen[at].any() else np.sort(at)[:-1][np.diff(np.sort(at)) == 0]
            raise PluginError(f"{name}.stream yields position {twice[0]} more than once: yield each once")
        seen[at] = True
        yield at, block
    if not seen.all():
        raise PluginError(f"{name}.stream left out {int((~seen).sum())} positions: yield every position once")
