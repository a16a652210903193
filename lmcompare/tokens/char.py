"""One token per character, blanks included."""

from __future__ import annotations

from lmcompare.tokens.tokenizer import Tokenizer, spans_of_lengths, utf8_lengths
from lmcompare.tokens.vocabulary import IntArray


class CharTokenizer(Tokenizer):
    """Makes every Unicode code point of a sentence a token."""

    kind = "char"
    description = "Every character is a token, blanks included."
    covers = "sentences"

    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        return list(text), spans_of_lengths(utf8_lengths(text))
