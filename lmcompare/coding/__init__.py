"""Texts as small files: arithmetic coding by a trained model, and back to the very same bytes.

A compressed file records what only the model that wrote it has::

    4 bytes   LMC1
    8 bytes   a digest of the model, its tokenizer and its code
    4 bytes   a digest of its first distribution, as this machine computes it
    8 bytes   a digest of the text
    1 byte    n
    n bytes   the versions of lmcompare, numpy and torch, and the threads
    the rest  the text, by arithmetic coding
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np

from lmcompare import __version__
from lmcompare.coding.arithmetic import Decoder, Encoder, EndOfDataError
from lmcompare.corpora import Document, documents_of
from lmcompare.errors import LmcompareError, PluginError, blamed_on, kind_of
from lmcompare.model import Stepper, check_array, check_stepper
from lmcompare.runfolder.files import read_object
from lmcompare.runfolder.layout import SEAL, STATE_FILES
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import FloatArray, Separator, Vocabulary, encode, tokenise
from lmcompare.tokens.codelength.between import (
    BEGINNING,
    CLOSING,
    END,
    STRAIGHT_QUOTES,
    SeparatorModel,
    SpellingModel,
    WhiteSpaceModel,
)
from lmcompare.tokens.codelength.interpolation import SymbolModel
from lmcompare.trained import TrainedModel, checked_text

__all__ = ["Written", "compress", "compressor", "decompress"]

T = TypeVar("T")

Reader: TypeAlias = Generator[FloatArray, int, T]


def read(reader: Reader[T], choose: Callable[[FloatArray], int]) -> T:
    """Return what a reader reads; ``choose`` is given each distribution (K,) and returns the symbol."""
    try:
        distribution = next(reader)
        while True:
            distribution = reader.send(choose(distribution))
    except StopIteration as finished:
        value: T = finished.value
        return value


def distribution(model: SymbolModel, contexts: list[int]) -> FloatArray:
    """(K,) the probabilities of all symbols after one context per level."""
    symbols = np.arange(len(model.base))
    return model.probability([np.full(len(symbols), key) for key in contexts], symbols)


def word_reader(spelling: SpellingModel) -> Reader[bytes]:
    """Read a word byte by byte; returns the bytes."""
    word = bytearray()
    while True:
        _, contexts = spelling.events([bytes(word[1 - spelling.order :])])  # only the bytes that a context has
        symbol = yield distribution(spelling.model, [int(keys[-1]) for keys in contexts])
        if symbol == END:
            return bytes(word)
        word.append(symbol)


class SpaceReader:
    """Reads the white space before each token of a sentence."""

    def __init__(self, model: WhiteSpaceModel, vocabulary: Vocabulary) -> None:
        self._model, self._vocabulary = model, vocabulary
        self._quotes: Counter[str] = Counter()
        self._before: tuple[int, int, int] | None = None  # the id, the class and the white space of the last token

    def read(self, token: str | None) -> Reader[str]:
        """Read the white space before the next token; None is the closing ``</s>``."""
        model = self._model
        index = self._vocabulary.end if token is None else self._vocabulary.id(token)
        here = (index, self._class(token), 0)
        rows = [here] if self._before is None else [self._before, here]
        ids, classes, symbols = np.array(rows, np.int64).T
        contexts = model.contexts(ids, classes, symbols, np.full(len(rows), len(rows) == 1))
        symbol = yield distribution(model.model, [int(keys[-1]) for keys in contexts])
        self._before = (*here[:2], symbol)
        if symbol < len(model.known):
            return model.known[symbol]
        spelled = yield from word_reader(model.spelling)
        return spelled.decode()

    def _class(self, token: str | None) -> int:
        if token is None:
            return CLOSING
        if token in STRAIGHT_QUOTES:
            self._quotes[token] += 1
            if f"/{token}" in self._model.classes.names and self._quotes[token] % 2 == 0:
                return self._model.classes.names.index(f"/{token}")
        return int(self._model.classes.of([token])[0])


def separator_reader(model: SeparatorModel, last: str | None, before: Separator | None) -> Reader[Separator]:
    """Read the separator after a sentence whose last token is ``last`` (None: the sentence is empty).

    ``before``: the separator before the sentence; None if it is the first of its document.
    """
    kind = np.array([BEGINNING]) if last is None else model.classes.of([last])
    contexts = model.contexts(kind, np.array([model.opening if before is None else model.symbol(before)]))
    symbol = yield distribution(model.model, [int(keys[0]) for keys in contexts])
    if symbol < len(model.known):
        return model.known[symbol]
    closes = yield np.array([1 - model.closing, model.closing])
    spelled = yield from word_reader(model.spelling)
    return Separator(spelled.decode(), bool(closes))


def document_reader(stepper: Stepper, corpus: TokenizedCorpus) -> Reader[str]:
    """Read a document with the stepper of a model; returns its text."""
    tokenizer, vocabulary, code = corpus.tokenizer, corpus.vocabulary, corpus.code
    data = bytearray()
    separator: Separator | None = None
    while separator is None or not separator.closes:
        spaces = None if code.white_space is None else SpaceReader(code.white_space, vocabulary)
        token: str | None = None
        while True:
            last = token
            index = yield next_shares(stepper, len(vocabulary))
            if index == vocabulary.end:
                token, spelled = None, b""
            elif index == vocabulary.unknown:
                spelled = yield from word_reader(code.spelling)
                if not spelled:  # no word is empty, so the data are damaged
                    raise EndOfDataError
                token = spelled.decode()
            else:
                token = vocabulary[index]
                spelled = tokenizer.token_bytes(token)
            if spaces is not None:
                space = yield from spaces.read(token)
                data += space.encode()
            data += spelled
            if token is None:
                break
            stepper.push(index)
        if code.separators is None:
            break
        separator = yield from separator_reader(code.separators, last, separator)
        data += separator.text.encode()
        if not separator.closes:
            stepper.push(vocabulary.end)
    return data.decode()


def next_shares(stepper: Stepper, types: int) -> FloatArray:
    """Return the probabilities of the next token, (V,). Raises ``PluginError`` if they are not a distribution."""
    log_probs = stepper.log_probs()
    check_array(log_probs, (types,), f"{type(stepper).__name__}.log_probs")
    probabilities: FloatArray = np.exp(log_probs.astype(np.float64))
    if not 0 < probabilities.sum() < np.inf:
        raise PluginError(f"{type(stepper).__name__}.log_probs gives no distribution: its probabilities have no sum")
    return probabilities


def symbols_of(document: Document, corpus: TokenizedCorpus) -> Iterator[int]:
    """Yield the symbols that ``document_reader`` has to be sent, so that it reads a document."""
    tokenizer, vocabulary, code = corpus.tokenizer, corpus.vocabulary, corpus.code
    text = tokenise([document], tokenizer)
    for at, index in enumerate(encode(text, tokenizer, vocabulary).ids.tolist()):
        yield index
        if index == vocabulary.unknown:
            yield from word_symbols(tokenizer.token_bytes(text.types[text.tokens[at]]))
        if code.white_space is not None:
            yield from space_symbols(code.white_space, text.space_types[text.spaces[at]])
        if text.tokens[at] == 0 and code.separators is not None:
            yield from separator_symbols(code.separators, text.separator_types[text.separators[at]])


def word_symbols(word: bytes) -> list[int]:
    """Return the symbols that spell a word: its bytes and the end symbol."""
    return [*word, END]


def space_symbols(model: WhiteSpaceModel, space: str) -> list[int]:
    """Return the symbols of a string of white space: its own, or the escape and its spelling."""
    symbol = model.symbol(space)
    return [symbol] if symbol < len(model.known) else [symbol, *word_symbols(space.encode())]


def separator_symbols(model: SeparatorModel, separator: Separator) -> list[int]:
    """Return the symbols of a separator: its own, or the escape, whether it ends the document, and its text."""
    symbol = model.symbol(separator)
    if symbol < len(model.known):
        return [symbol]
    return [symbol, int(separator.closes), *word_symbols(separator.text.encode())]


MAGIC = b"LMC1"
MODEL, FIRST, TEXT = 8, 4, 8  # bytes of the digests
THREADS = 1  # of torch: another number can give other sums
NOT_OURS = "this was not written by 'lmcompare compress': give a file that was"
EVERY = 256  # symbols between two reports of progress
NAMES = ("lmcompare", "numpy", "torch", "threads")
OF_CELL = ("plugin", "hyperparameters", "code_digest", "tokens_fingerprint")

Progress = Callable[[float], object]


def compress(model: TrainedModel, text: str, progress: Progress = lambda _: None) -> bytes:
    """Return the content of a compressed file.

    Parameters
    ----------
    model : TrainedModel
    text : str
        One document, whose lines are its sentences.
    progress : callable
        It is given the share that is done, now and then.

    Raises
    ------
    LmcompareError
        For a model that has no stepper of its own.
    """
    (document,) = documents_of([checked_text(text)])
    with _stepping(model) as stepper:
        first, encoder = _first(stepper, model), Encoder()
        symbols = list(symbols_of(document, model.corpus))
        at = 0

        def choose(distribution: np.ndarray) -> int:
            nonlocal at
            encoder.write(distribution, symbols[at])
            at += 1
            if at % EVERY == 0:
                progress(at / len(symbols))
            return symbols[at - 1]

        back = read(document_reader(stepper, model.corpus), choose)
    if back != text:
        raise LmcompareError(
            f"the tokens of '{model.name}' can't be put together to the same text again: choose a model with others"
        )
    versions = "/".join(_versions()).encode()
    digests = compressor(model.place) + first + _digest(text.encode(), TEXT)
    return MAGIC + digests + bytes([len(versions)]) + versions + encoder.finish()


def decompress(model: TrainedModel, data: bytes, progress: Progress = lambda _: None) -> str:
    """Return the text in a compressed file.

    Parameters
    ----------
    model : TrainedModel
        The model that has compressed it, in the same versions and on a machine that computes the same.
    data : bytes
        The content of the file.
    progress : callable
        It is given the share that is done, now and then.

    Raises
    ------
    LmcompareError
        For data that ``compress`` did not write, or that are damaged, and where the text can't be computed again.
    """
    written = Written.of(data)
    if written.model != compressor(model.place):
        raise LmcompareError(f"'{model.name}' is not the model that compressed this: use the model that did")
    had = zip(NAMES, written.versions, _versions(), strict=True)
    if others := [f"{name} {one}" for name, one, here in had if one != here]:
        raise LmcompareError(
            f"it was compressed with {', '.join(others)}, and others may compute other probabilities: use the same,"
            " or fetch the file again if it may be damaged"
        )
    decoder, read_so_far = Decoder(written.coded), 0

    def choose(distribution: np.ndarray) -> int:
        nonlocal read_so_far
        read_so_far += 1
        if read_so_far % EVERY == 0:
            progress(decoder.share)
        return decoder.read(distribution)

    with _stepping(model) as stepper:
        if _first(stepper, model) != written.first:
            raise LmcompareError(
                "this machine computes other probabilities than the one that compressed it: decompress it there"
            )
        try:
            text = read(document_reader(stepper, model.corpus), choose)
        except (EndOfDataError, UnicodeDecodeError):
            text = None
    if text is None or _digest(text.encode(), TEXT) != written.text or len(written.coded) != decoder.size:
        raise LmcompareError(
            "what comes out is not the text that was compressed: the file is damaged, or this machine computes other"
            " probabilities than the one that compressed it"
        )
    return text


@dataclass(frozen=True)
class Written:
    """The parts of a compressed file.

    Parameters
    ----------
    model, first, text : bytes
        The digests.
    versions : tuple of str
        Those of ``NAMES``.
    coded : bytes
        The text.
    """

    model: bytes
    first: bytes
    text: bytes
    versions: tuple[str, ...]
    coded: bytes

    @classmethod
    def of(cls, data: bytes) -> Written:
        """Take a file apart. Raises ``LmcompareError`` for one that ``compress`` did not write."""
        ends = list(accumulate((len(MAGIC), MODEL, FIRST, TEXT, 1)))
        if not isinstance(data, bytes):
            raise LmcompareError(f"the content of a compressed file must be bytes, not {kind_of(data)}")
        if not data.startswith(MAGIC) or len(data) < ends[-1] or len(data) < ends[-1] + data[ends[-1] - 1]:
            raise LmcompareError(NOT_OURS)
        model, first, text = (data[start:end] for start, end in pairwise(ends[:-1]))
        begin = ends[-1] + data[ends[-1] - 1]
        versions = tuple(data[ends[-1] : begin].decode("latin-1").split("/"))
        if len(versions) != len(NAMES):
            raise LmcompareError(NOT_OURS)
        return cls(model, first, text, versions, data[begin:])


def compressor(place: Path) -> bytes:
    """Return the digest by which a compressed file names its model; ``place`` is the folder of the model's cell."""
    info: Mapping[str, Any] = read_object(place / "cell.json", *OF_CELL)
    digests = read_object(place / "model" / SEAL, *STATE_FILES)
    about = [*(info[name] for name in OF_CELL), *(digests[name] for name in STATE_FILES)]
    return _digest(json.dumps(about, sort_keys=True).encode(), MODEL)


def _first(stepper: Stepper, model: TrainedModel) -> bytes:
    """Return a digest of the first distribution, as this machine computes it."""
    return _digest(next_shares(stepper, len(model.corpus.vocabulary)).tobytes(), FIRST)


@contextmanager
def _stepping(trained: TrainedModel) -> Iterator[Stepper]:
    """Give the stepper of a model at the beginning of a document, with one thread for torch."""
    model = trained.model
    if not model.has_stepper():
        raise LmcompareError(
            f"'{trained.name}' can't compress: it has no stepper of its own, or its base has none, and would read the"
            " whole text again for each token: choose another model"
        )
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch is not None else 0
    if torch is not None:
        torch.set_num_threads(THREADS)
    try:
        with blamed_on(f"{trained.name}'s stepper"):
            stepper = model.stepper(np.zeros(0, np.int64), trained.corpus.vocabulary)
            check_stepper(stepper, type(model).__name__)
            yield stepper
    finally:
        if torch is not None:
            torch.set_num_threads(before)


def _versions() -> tuple[str, ...]:
    return (__version__, version("numpy"), version("torch"), str(THREADS))


def _digest(data: bytes, size: int) -> bytes:
    return hashlib.sha256(data).digest()[:size]
