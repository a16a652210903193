"""The decoding half of the code: what a decoder is offered at each choice, and what the encoder chooses.

A *reader* is a generator that yields the distribution of the next symbol (K,), is sent the symbol, and returns the
value that the symbols spell. The code that drives it takes the symbols from a text or from a decoder of bits.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np

from lmcompare.tokens import FloatArray, Separator, Vocabulary
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


def decisions(reader: Reader[Any], symbols: Sequence[int]) -> Iterator[tuple[FloatArray, int]]:
    """Yield (distribution (K,), symbol) for each of the symbols that spell a value."""
    expected = iter(symbols)
    passed: list[tuple[FloatArray, int]] = []

    def choose(distribution: FloatArray) -> int:
        passed.append((distribution, next(expected)))
        return passed[-1][1]

    read(reader, choose)
    if len(passed) != len(symbols):
        raise ValueError(f"the reader took {len(passed)} of {len(symbols)} symbols")
    yield from passed


def distribution(model: SymbolModel, contexts: Sequence[int]) -> FloatArray:
    """(K,) the probabilities of all symbols after one context per level."""
    symbols = np.arange(len(model.base))
    return model.probability([np.full(len(symbols), key) for key in contexts], symbols)


def word_symbols(word: bytes) -> list[int]:
    """Return the symbols that spell a word: its bytes and the end symbol."""
    return [*word, END]


def word_reader(spelling: SpellingModel) -> Reader[bytes]:
    """Read a word byte by byte; returns the bytes."""
    word = bytearray()
    while True:
        _, contexts = spelling.events([bytes(word)])
        symbol = yield distribution(spelling.model, [int(keys[-1]) for keys in contexts])
        if symbol == END:
            return bytes(word)
        word.append(symbol)


def space_symbols(model: WhiteSpaceModel, space: str) -> list[int]:
    """Return the symbols of a string of white space: its own, or the escape and its spelling."""
    symbol = model.symbol(space)
    return [symbol] if symbol < len(model.known) else [symbol, *word_symbols(space.encode())]


def space_reader(
    model: WhiteSpaceModel, tokens: Sequence[str | None], spaces: Sequence[str], vocabulary: Vocabulary
) -> Reader[str]:
    """Read the white space before the last of ``tokens``, the sentence so far; None is the closing ``</s>``.

    ``spaces``: the white space before each of them but the last.
    """
    ids = np.array([vocabulary.end if t is None else vocabulary.id(t) for t in tokens], np.int64)
    classes = np.array([CLOSING if t is None else model.classes.of([t])[0] for t in tokens], np.int64)
    names = model.classes.names
    for n, token in enumerate(tokens):
        if token in STRAIGHT_QUOTES and f"/{token}" in names and list(tokens[:n]).count(token) % 2:
            classes[n] = names.index(f"/{token}")
    symbols = np.array([model.symbol(space) for space in [*spaces, ""]], np.int64)
    contexts = model.contexts(ids, classes, symbols, np.arange(len(tokens)) == 0)
    symbol = yield distribution(model.model, [int(keys[-1]) for keys in contexts])
    if symbol < len(model.known):
        return model.known[symbol]
    spelled = yield from word_reader(model.spelling)
    return spelled.decode()


def separator_symbols(model: SeparatorModel, separator: Separator) -> list[int]:
    """Return the symbols of a separator: its own, or the escape, whether it ends the document, and its text."""
    symbol = model.symbol(separator)
    if symbol < len(model.known):
        return [symbol]
    return [symbol, int(separator.closes), *word_symbols(separator.text.encode())]


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
