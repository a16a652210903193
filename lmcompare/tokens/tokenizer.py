"""What a tokenizer is: text to tokens with their places, and tokens back to text."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from lmcompare.tokens.vocabulary import IntArray


class Tokenizer(ABC):
    """Cuts a sentence into tokens; every byte that is not white space lies inside exactly one of them.

    A kind of tokenizer is a class: ``kind`` names it in an experiment's ``[tokens]``, its options are the keyword
    arguments of ``__init__``, stored under their own names. ``description``: one sentence for the report.
    ``gapless``: the tokens touch, so that a sentence is its tokens and nothing else. ``rule``: what, beside kind and
    options, decides the cuts (a regular expression); it enters the fingerprint of the tokens.
    """

    kind: ClassVar[str]
    description: ClassVar[str]
    gapless: ClassVar[bool] = False
    rule: ClassVar[str] = ""

    @abstractmethod
    def tokenize(self, sentence: str) -> tuple[list[str], IntArray]:
        """Return the n tokens and their (n, 2) int64 byte offsets in the sentence's UTF-8, start and end."""

    @abstractmethod
    def detokenize(self, tokens: Sequence[str]) -> str:
        """Return text to read, as for a continuation; ``</s>`` ends a line. Exact where ``gapless``."""

    def token_bytes(self, token: str) -> bytes:
        """Return the bytes of text that a token stands for."""
        return token.encode()

    @property
    def always_tokens(self) -> tuple[str, ...]:
        """Tokens that stand in every vocabulary, whatever train holds."""
        return ()

    @property
    def spec(self) -> dict[str, Any]:
        """The JSON-able table, ``kind`` and options, from which ``make_tokenizer`` makes the same tokenizer."""
        return {"kind": self.kind, **{name: getattr(self, name) for name in self.option_names()}}

    @classmethod
    def option_names(cls) -> tuple[str, ...]:
        """The names of the options of this kind."""
        return () if cls.__init__ is object.__init__ else tuple(inspect.signature(cls).parameters)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tokenizer) and self.spec == other.spec

    def __hash__(self) -> int:
        return hash(repr(self.spec))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={getattr(self, k)!r}' for k in self.option_names())})"


def utf8_lengths(text: str) -> IntArray:
    """(n,) int64: how many bytes of UTF-8 each character of the text takes."""
    if text.isascii():
        return np.ones(len(text), np.int64)
    points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    return 1 + (points >= 0x80).astype(np.int64) + (points >= 0x800) + (points >= 0x10000)


def spans_of_lengths(lengths: IntArray) -> IntArray:
    """(n, 2) the offsets of n pieces that touch, from their lengths (n,)."""
    ends = np.cumsum(lengths, dtype=np.int64)
    return np.stack([ends - lengths, ends], axis=1)


def spans_between(pieces: Sequence[str], ascii_only: bool) -> IntArray:
    """(n, 2) the byte offsets of the tokens in [gap, token, gap, …, token, gap], 2n + 1 strings that touch."""
    if ascii_only:
        lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
    else:
        lengths = np.fromiter((len(p.encode()) for p in pieces), np.int64, len(pieces))
    return spans_of_lengths(lengths)[1::2]
