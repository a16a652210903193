"""The decoding half of the code, for tests: the choices of a text, and the white space from whole sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lmcompare.coding.readers import (
    Reader,
    distribution,
    read,
    separator_reader,
    separator_symbols,
    space_symbols,
    word_reader,
    word_symbols,
)
from lmcompare.tokens import FloatArray, Vocabulary
from lmcompare.tokens.codelength.between import WhiteSpaceModel
from lmcompare.tokens.codelength.token_classes import CLOSING, STRAIGHT_QUOTES

__all__ = [
    "Reader",
    "distribution",
    "read",
    "separator_reader",
    "separator_symbols",
    "space_symbols",
    "word_reader",
    "word_symbols",
]


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
