"""One token a character, blanks included."""

from __future__ import annotations

from collections.abc import Sequence

from lmcompare.tokens.tokenizer import Tokenizer, spans_of_lengths, utf8_lengths
from lmcompare.tokens.vocabulary import END_TOKEN, IntArray


class CharTokenizer(Tokenizer):
    """Every Unicode code point of a sentence is a token."""

    kind = "char"
    description = "Every character is a token, blanks included."
    gapless = True

    def tokenize(self, sentence: str) -> tuple[list[str], IntArray]:
        return list(sentence), spans_of_lengths(utf8_lengths(sentence))

    def detokenize(self, tokens: Sequence[str]) -> str:
        return "".join("\n" if token == END_TOKEN else token for token in tokens)
