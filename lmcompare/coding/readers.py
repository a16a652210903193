"""What a decoder reads: token by token the id, the spelling of an unknown word, the white space, the separator.

A *reader* is a generator that yields the distribution of the next symbol (K,), is sent the symbol, and returns the
value that the symbols spell. Encoder and decoder follow the same reader: the encoder sends it the symbols of a text,
the decoder those that it decodes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator
from typing import TypeAlias, TypeVar

import numpy as np

from lmcompare.coding.arithmetic import EndOfDataError
from lmcompare.corpora import Document
from lmcompare.errors import PluginError
from lmcompare.model import Stepper, check_array
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import FloatArray, Separator, Vocabulary, encode, tokenise
from lmcompare.tokens.codelength.between import SeparatorModel, WhiteSpaceModel
from lmcompare.tokens.codelength.interpolation import SymbolModel
from lmcompare.tokens.codelength.spelling import END, SpellingModel
from lmcompare.tokens.codelength.token_classes import BEGINNING, CLOSING, STRAIGHT_QUOTES

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
