"""One token a byte of UTF-8: a vocabulary of 258 in which no text has an unknown word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmcompare.tokens.tokenizer import Tokenizer, spans_of_lengths
from lmcompare.tokens.vocabulary import END_TOKEN, IntArray

# Printable ASCII by itself, every other byte by its number.
BYTE_NAMES: tuple[str, ...] = tuple(chr(b) if 0x20 <= b < 0x7F else f"<0x{b:02X}>" for b in range(256))
_VALUES = {name: bytes([value]) for value, name in enumerate(BYTE_NAMES)}


class ByteTokenizer(Tokenizer):
    """Every byte of a sentence's UTF-8 is a token: ``a`` or ``<0xC3>``."""

    kind = "byte"
    description = "Every byte of the UTF-8 text is a token; none is ever unknown."
    gapless = True

    @property
    def always_tokens(self) -> tuple[str, ...]:
        return BYTE_NAMES

    def tokenize(self, sentence: str) -> tuple[list[str], IntArray]:
        data = sentence.encode()
        return [BYTE_NAMES[b] for b in data], spans_of_lengths(np.ones(len(data), np.int64))

    def detokenize(self, tokens: Sequence[str]) -> str:
        """Return the text; bytes that are no UTF-8, as a model may well write them, become U+FFFD."""
        return b"".join(b"\n" if t == END_TOKEN else self.token_bytes(t) for t in tokens).decode(errors="replace")

    def token_bytes(self, token: str) -> bytes:
        return _VALUES.get(token) or token.encode()
