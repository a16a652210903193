"""The contract of a tokenizer: text to tokens with their byte offsets, and tokens back to text."""

from __future__ import annotations

import inspect
import json
import reprlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, get_args

import numpy as np

from lmcompare import registry
from lmcompare.errors import LmcompareError, PluginError, blamed_on, kind_of, one_line, unknown
from lmcompare.registry import Registry, names_class
from lmcompare.state import State
from lmcompare.tokens.vocabulary import END_TOKEN, FloatArray, IntArray, Vocabulary

Covers = Literal["words", "sentences", "documents"]


@dataclass(frozen=True)
class ScoringRules:
    """What the figures of models have to know of their tokens.

    Parameters
    ----------
    every_token : bool
        Whether every token is scored, and not only the known values after the past that is given.
    blocks : {"text", "tokens"}
        What is resampled for intervals: documents or sentences, or blocks of scored tokens.
    least_loss : float, optional
        The lowest possible loss; None if there is none, as a density may be above 1.
    rivals : bool
        Whether methods of forecasting compete with the models.
    """

    every_token: bool = True
    blocks: Literal["text", "tokens"] = "text"
    least_loss: float | None = 0.0
    rivals: bool = False


class Tokenizer(ABC):
    """Cuts text into tokens.

    A tokenizer is a plug-in: one class. Its options are the keyword arguments of ``__init__``; each is stored under
    its own name and is a JSON value. The class attributes say what it does:

    Attributes
    ----------
    description : str
        One sentence for the report.
    covers : {"words", "sentences", "documents"}
        What the tokens cover. "words": every byte of a sentence that is not white space. "sentences": every byte of a
        sentence, white space included. "documents": every byte of a document; ``tokenize`` is given whole documents,
        and a token may contain white space and cross the end of a sentence.
    rule : str
        What else decides the cuts, such as a regular expression; it is part of the fingerprint of the tokens.
    fixed_vocabulary : bool
        Whether the vocabulary is ``always_tokens`` and nothing else, so that no token is unknown, and ``min_count``
        and ``size`` do not apply.
    usual_min_count : int
        The ``min_count`` of the vocabulary if the user gives none. Above 1, a model learns the probability of the
        unknown word from the rare words of the training text.
    files : tuple of str
        The options that are paths of files which ``fit`` reads. The paths are not part of the fingerprint; what the
        files contain should be part of ``state``.
    reads : str
        The kind of corpora that it cuts, as ``Corpus.kind``; only what reads "text" can cut a prompt.
    rules : ScoringRules
        How models of its tokens are scored.
    kind : str
        The name of the tokenizer in an experiment's ``[tokens]``. ``make_tokenizer`` sets it.
    """

    description: ClassVar[str]
    covers: ClassVar[Covers] = "words"
    rule: ClassVar[str] = ""
    fixed_vocabulary: ClassVar[bool] = False
    usual_min_count: ClassVar[int] = 1
    files: ClassVar[tuple[str, ...]] = ()
    reads: ClassVar[str] = "text"
    rules: ClassVar[ScoringRules] = ScoringRules()
    kind: str = ""

    def fit(self, texts: Sequence[str]) -> Self:
        """Learn from the texts of the training documents, and return self.

        The default learns nothing. A tokenizer that learns overrides ``state`` and ``restore`` too.
        """
        return self

    def alternatives(self) -> Sequence[Tokenizer]:
        """Return tokenizers, not fitted yet, of which the validation text is to choose one; by default none."""
        return ()

    def state(self) -> State:
        """Return what ``fit`` has learnt. It is stored with the tokens and is part of their fingerprint."""
        return State()

    def restore(self, state: State) -> None:
        """Restore what ``state`` returned, often in another process."""
        return

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the terminal and the report on what ``fit`` has learnt."""
        return ()

    def parts(self, text: str) -> Iterable[str]:
        """Return parts of a text for ``tokenize``, in order, that have the same tokens if each is cut by itself.

        With several parts, a long text needs less memory; the default is the whole text. If the tokenizer ``covers``
        words, each part must end with a token.
        """
        return (text,)

    @abstractmethod
    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        """Cut a sentence, or a whole document if the tokenizer ``covers`` documents.

        Parameters
        ----------
        text : str

        Returns
        -------
        tokens : list of str
            The n tokens in order, none of them empty.
        offsets : (n, 2) int64 array
            Where each token starts and ends in the text's UTF-8, in bytes.
        """

    def size(self, text: str) -> int:
        """Return by what the loss of a document is divided: its bytes, or how many of its tokens are scored."""
        return len(text.encode())

    def density(self, texts: Sequence[str]) -> FloatArray | None:
        """(N,) what each token of documents is charged beside the model, in nats; NaN for tokens that are not scored.

        None, the default, if the spelling of unknown tokens and the white space are charged.
        """
        return None

    def surface(self, texts: Sequence[str]) -> list[str] | None:
        """Return how the tokens of documents are written there, ``</s>`` included; None for the types themselves."""
        return None

    def detokenize(self, tokens: Sequence[str]) -> str:
        """Return text for people to read, such as a continuation.

        ``</s>`` ends a line. Tokens that cover words are separated by blanks; others are joined by their bytes, and
        bytes that are not valid UTF-8 become U+FFFD.
        """
        if self.covers != "words":
            joined = b"".join(b"\n" if token == END_TOKEN else self.token_bytes(token) for token in tokens)
            return joined.decode(errors="replace")
        return "\n".join(" ".join(line) for line in lines_of(tokens))

    def token_bytes(self, token: str) -> bytes:
        """Return the bytes of text that a token represents; the default is the token's UTF-8."""
        return token.encode()

    @property
    def always_tokens(self) -> tuple[str, ...]:
        """Tokens that are in every vocabulary, whatever their count in the training text."""
        return ()

    def tokenizer_json(self, vocabulary: Vocabulary) -> dict[str, Any]:
        """Return the table of ``tokenizer.json`` that cuts texts in the same way, with the ids of a vocabulary.

        A tokenizer that Hugging Face's library ``tokenizers`` can express overrides it.

        Raises
        ------
        LmcompareError
            If the library can't cut exactly as this tokenizer does.
        """
        kind = self.kind or type(self).__name__
        raise LmcompareError(
            f"the tokenizer {kind} can't be written as tokenizer.json: only its own code cuts as it does"
        )

    def in_page(self) -> dict[str, Any]:
        """Return the table with which the page of a report cuts a text that a reader types, as this tokenizer does.

        ``cut`` is "char", "byte", "pieces" for a built-in tokenizer of pieces, or "pattern"; then ``pattern`` is an
        expression of JavaScript, with the flag v, that matches the tokens, and ``escapes`` says whether ``<unk>`` and
        ``</s>`` in the text are words of their own.

        Raises
        ------
        LmcompareError
            If the page can't cut exactly as this tokenizer does.
        """
        raise LmcompareError(f"the page can't cut a text as the tokenizer {self.kind or type(self).__name__} does")

    @property
    def types(self) -> tuple[str, ...] | None:
        """The whole vocabulary in the order of its ids, if it is given in advance, as for a pre-trained model.

        ``</s>`` is one of the types, but ``<unk>`` is not: ``fixed_vocabulary`` is true. With None, the default, the
        vocabulary is counted in the training text.
        """
        return None

    @property
    def spec(self) -> dict[str, Any]:
        """The JSON-able table, ``kind`` and options, from which ``make_tokenizer`` makes the same tokenizer.

        Raises ``PluginError`` if an option is not stored under its name, or is not a JSON value.
        """
        whose, options = type(self).__name__, {}
        for name in self.option_names():
            if not hasattr(self, name):
                raise PluginError(f"{whose} does not store the option '{name}': set self.{name} = {name} in __init__")
            options[name] = getattr(self, name)
            try:
                json.dumps(options[name], allow_nan=False)
            except (TypeError, ValueError) as error:
                raise PluginError(f"the option '{name}' of {whose} is not a JSON value: {one_line(error)}") from None
        return {"kind": self.kind or registry.spec(type(self)), **options}

    @classmethod
    def option_names(cls) -> tuple[str, ...]:
        """Return the names of the tokenizer's options."""
        return () if cls.__init__ is object.__init__ else tuple(inspect.signature(cls).parameters)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={getattr(self, k)!r}' for k in self.option_names())})"


def lines_of(tokens: Sequence[str]) -> list[list[str]]:
    """Return the tokens before, between and after the ``</s>``, a list for each line."""
    lines: list[list[str]] = [[]]
    for token in tokens:
        if token == END_TOKEN:
            lines.append([])
        else:
            lines[-1].append(token)
    return lines


def utf8_lengths(text: str) -> IntArray:
    """(n,) int64: the number of bytes of each character in UTF-8."""
    if text.isascii():
        return np.ones(len(text), np.int64)
    points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    return 1 + (points >= 0x80).astype(np.int64) + (points >= 0x800) + (points >= 0x10000)


def spans_of_lengths(lengths: IntArray) -> IntArray:
    """(n, 2) the offsets of n adjacent pieces, from their lengths (n,)."""
    spans = np.zeros((len(lengths), 2), np.int64)
    np.cumsum(lengths, out=spans[:, 1])
    spans[1:, 0] = spans[:-1, 1]
    return spans


def spans_between(pieces: Sequence[str], ascii_only: bool) -> IntArray:
    """(n, 2) the byte offsets of the tokens in [space, token, space, …, token, space], 2n + 1 adjacent strings."""
    lengths = map(len, pieces) if ascii_only else (len(piece.encode()) for piece in pieces)
    ends = np.cumsum(np.fromiter(lengths, np.int64, len(pieces)))
    spans = np.empty((len(pieces) // 2, 2), np.int64)
    spans[:, 0], spans[:, 1] = ends[:-1:2], ends[1::2]
    return spans


VOCABULARY_KEYS = ("min_count", "size")
DEFAULT = "word"


def checked_class(found: Any, name: str) -> type[Tokenizer]:
    """Return ``found`` if it is the class of a complete tokenizer.

    Raises
    ------
    PluginError
        If it is not; the message calls it ``name``.
    """
    if not (inspect.isclass(found) and issubclass(found, Tokenizer)):
        raise PluginError(f"'{name}' is not a class derived from lmcompare.tokens.Tokenizer")
    if inspect.isabstract(found):
        raise PluginError(
            f"the tokenizer '{name}' does not define {', '.join(sorted(found.__abstractmethods__))}, which every"
            " tokenizer must define"
        )
    if not isinstance(getattr(found, "description", None), str):
        raise PluginError(f"the tokenizer '{name}' has no description: give its class one sentence for the report")
    if not isinstance(found.rule, str):
        raise PluginError(f"the rule of the tokenizer '{name}' must be a text, not {kind_of(found.rule)}")
    if type(found.usual_min_count) is not int or found.usual_min_count < 1:
        raise PluginError(
            f"usual_min_count of the tokenizer '{name}' must be a whole number, 1 or more, not"
            f" {reprlib.repr(found.usual_min_count)}"
        )
    if found.covers not in get_args(Covers):
        raise PluginError(
            f"covers of the tokenizer '{name}' must be one of {', '.join(get_args(Covers))}, not {found.covers!r}"
        )
    return found


TOKENIZERS: Registry[type[Tokenizer]] = Registry("lmcompare.tokenizers", "tokenizer", checked_class)


def is_tokenizer(name: str) -> bool:
    """Return whether a tokenizer has this name; ``"module:Class"`` and ``"./file.py:Class"`` are names, too.

    A class that is derived from ``Tokenizer`` counts as a tokenizer even if it is not complete.
    """
    return names_class(name, Tokenizer) if ":" in name else name in TOKENIZERS.installed()


def table_of(spec: str) -> dict[str, Any]:
    """Return the table of a tokenizer that is given in a short form.

    Parameters
    ----------
    spec : str
        A kind; a kind and the value of its first option, such as ``"bpe:4000"``; or the path of a ``tokenizer.json``.
    """
    kind, colon, value = spec.partition(":")
    if spec.endswith(".json") and kind not in TOKENIZERS.installed():
        return {"kind": "saved", "path": spec}
    if colon and kind not in TOKENIZERS.installed() and value.isdecimal():
        raise LmcompareError(unknown("tokenizer", kind, TOKENIZERS.installed()))
    if not colon or kind not in TOKENIZERS.installed():
        return {"kind": spec}
    if not value:
        raise LmcompareError(
            f"'{spec}' has no value after the colon; give one, such as bpe:4000, or leave the colon out"
        )
    cls = TOKENIZERS.resolve(kind)
    options = cls.option_names()
    if not options:
        raise LmcompareError(f"the {kind} tokenizer has no options; leave ':{value}' out")
    is_number = value.isdecimal() and options[0] not in cls.files
    return {"kind": kind, options[0]: int(value) if is_number else value}


def make_tokenizer(table: Mapping[str, Any], state: State | None = None) -> Tokenizer:
    """Make the tokenizer of an experiment's ``[tokens]`` table.

    Parameters
    ----------
    table : mapping
        ``kind``, the name of the tokenizer or ``"module:Class"`` or ``"./file.py:Class"``, and its options. The
        vocabulary's limits, ``min_count`` and ``size``, may be in the table too and are ignored here.
    state : State, optional
        The state of an earlier tokenizer that was made from this table and fitted.

    Raises
    ------
    LmcompareError
        For an unknown tokenizer or option, and for a tokenizer that refuses its options or its state.
    """
    options = {key: value for key, value in table.items() if key not in VOCABULARY_KEYS}
    kind = options.pop("kind", DEFAULT)
    if not isinstance(kind, str):
        raise LmcompareError(f"kind must be the name of a tokenizer, not {kind!r}")
    cls = TOKENIZERS.resolve(kind)
    known = cls.option_names()
    for key in options:
        if key not in known:
            raise LmcompareError(unknown(f"option of the {kind} tokenizer", key, ("kind", *known, *VOCABULARY_KEYS)))
    try:
        tokenizer = cls(**options)
    except (Exception, SystemExit) as error:
        raise PluginError(f"the tokenizer {kind} refuses its options: {one_line(error)}") from error
    tokenizer.kind = registry.spec(cls) if ":" in kind else kind
    if state is not None:
        with blamed_on(f"{cls.__name__}'s restore"):
            tokenizer.restore(state)
    return tokenizer


def is_built_in(tokenizer: Tokenizer) -> bool:
    """Return whether the tokenizer comes with lmcompare."""
    return type(tokenizer).__module__.partition(".")[0] == "lmcompare"


def listing() -> list[tuple[str, str, bool]]:
    """Return the name and the description of each installed tokenizer, and whether it can be imported.

    The description of a tokenizer that can't be imported says why.
    """
    rows = []
    for name in sorted(TOKENIZERS.installed()):
        try:
            rows.append((name, TOKENIZERS.resolve(name).description, True))
        except PluginError as error:
            rows.append((name, str(error), False))
    return rows
