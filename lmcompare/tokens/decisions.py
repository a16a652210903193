"""Decisions: how a code says what an encoder must choose from and a decoder can follow.

A *reader* is a generator that yields the distribution of the next symbol (K,), is sent the symbol, and returns what
the symbols spell in the end. Whoever drives it decides where the symbols come from: from the text, to encode or to
measure it, or from a decoder of bits.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
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
