"""Characters and bytes as tokens."""

from __future__ import annotations

from typing import Any

import numpy as np

from lmcompare.tokens import tokenizer_json
from lmcompare.tokens.tokenizer import Tokenizer, spans_of_lengths, utf8_lengths
from lmcompare.tokens.vocabulary import IntArray, Vocabulary

# A printable ASCII character is its own name; every other byte is named by its number.
BYTE_NAMES: tuple[str, ...] = tuple(chr(b) if 0x20 <= b < 0x7F else f"<0x{b:02X}>" for b in range(256))
_VALUES = {name: bytes([value]) for value, name in enumerate(BYTE_NAMES)}


class ByteTokenizer(Tokenizer):
    """Makes every byte of a sentence's UTF-8 a token, such as ``a`` or ``<0xC3>``."""

    kind = "byte"
    description = "Every byte of the UTF-8 text is a token; none is ever unknown."
    covers = "sentences"
    fixed_vocabulary = True

    @property
    def always_tokens(self) -> tuple[str, ...]:
        return BYTE_NAMES

    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        data = text.encode()
        return [BYTE_NAMES[b] for b in data], spans_of_lengths(np.ones(len(data), np.int64))

    def in_page(self) -> dict[str, Any]:
        return {"cut": "byte"}

    def tokenizer_json(self, vocabulary: Vocabulary) -> dict[str, Any]:
        decoder = {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]}
        model = tokenizer_json.by_character(vocabulary, bytes_of_others=True)
        return tokenizer_json.of_lines(model, pre_tokenizer=None, decoder=decoder)

    def token_bytes(self, token: str) -> bytes:
        return _VALUES.get(token) or token.encode()


class CharTokenizer(Tokenizer):
    """Makes every Unicode code point of a sentence a token."""

    kind = "char"
    description = "Every character is a token, blanks included."
    covers = "sentences"

    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        return list(text), spans_of_lengths(utf8_lengths(text))

    def in_page(self) -> dict[str, Any]:
        return {"cut": "char"}

    def tokenizer_json(self, vocabulary: Vocabulary) -> dict[str, Any]:
        model = tokenizer_json.by_character(vocabulary, bytes_of_others=False)
        return tokenizer_json.of_lines(model, pre_tokenizer=None, decoder={"type": "Fuse"})
