"""The bits of an unknown word: a byte-level n-gram model of words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lmcompare.tokens.codelength.interpolation import SymbolKneserNey
from lmcompare.tokens.vocabulary import FloatArray, IntArray

END = 256  # the symbol after the last byte of a word
ALPHABET = 257
_BEGIN = 257  # before the first byte of a word, in contexts only


class SpellingModel:
    """P(bytes), byte by byte with an end symbol: every byte string has a probability, and they all sum to one.

    An interpolated Kneser-Ney model over the last ``order`` - 1 bytes, above a uniform floor of 1/257. Only its
    examples are stored; it is fitted to them again when it is read back.

    Parameters
    ----------
    examples : iterable of bytes
        The words to learn from; repeated words count once.
    order : int
        One more than the number of bytes in the longest context.
    """

    def __init__(self, examples: Iterable[bytes], order: int = 6) -> None:
        self.order = order
        self.examples: tuple[bytes, ...] = tuple(sorted(set(examples)))
        symbols, contexts = self.events(self.examples)
        self.model = SymbolKneserNey.fit(contexts, symbols, np.full(ALPHABET, 1 / ALPHABET))

    def bits(self, words: Sequence[bytes]) -> FloatArray:
        """(n,) -log2 of the probability of each word, its end symbol included."""
        symbols, contexts = self.events(words)
        bits = -np.log2(self.model.probability(contexts, symbols))
        word = np.repeat(np.arange(len(words)), [len(w) + 1 for w in words])
        return np.bincount(word, bits, minlength=len(words)).astype(np.float64)

    def events(self, words: Sequence[bytes]) -> tuple[IntArray, list[IntArray]]:
        """Return the n symbols of all words, and their contexts (n,) of 0, 1, … order - 1 bytes."""
        width = self.order - 1
        lengths = np.array([len(w) + width + 1 for w in words], np.int64)
        padded = np.full(int(lengths.sum()), _BEGIN, np.int64)  # per word: width × BEGIN, the bytes, END
        last = np.cumsum(lengths) - 1
        padded[last] = END
        offset = np.arange(len(padded)) - np.repeat(last + 1 - lengths, lengths)
        inside = (offset >= width) & (padded != END)
        padded[inside] = np.frombuffer(b"".join(words), np.uint8)
        at = np.flatnonzero(offset >= width)
        keys: list[IntArray] = [np.zeros(len(at), np.int64)]
        for back in range(1, self.order):
            keys.append(keys[-1] * (ALPHABET + 1) + padded[at - back])
        return padded[at], keys

    def to_json(self) -> dict[str, Any]:
        """Return the model as a JSON-able table; each byte of an example is the character of that number."""
        return {"order": self.order, "examples": [e.decode("latin-1") for e in self.examples]}

    @classmethod
    def from_json(cls, table: dict[str, Any]) -> SpellingModel:
        """Return the model that ``to_json`` stored."""
        return cls([e.encode("latin-1") for e in table["examples"]], table["order"])
