"""One token per character, blanks included."""

from __future__ import annotations

from typing import Any

from lmcompare.tokens import tokenizer_json
from lmcompare.tokens.tokenizer import Tokenizer, spans_of_lengths, utf8_lengths
from lmcompare.tokens.vocabulary import IntArray, Vocabulary


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
