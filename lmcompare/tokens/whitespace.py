"""Tokens of text that is tokenised already: whatever white space separates."""

from __future__ import annotations

import functools

import regex

from lmcompare.tokens.tokenizer import Tokenizer, spans_between
from lmcompare.tokens.vocabulary import IntArray


@functools.cache
def _cutter() -> regex.Pattern[str]:
    return regex.compile(WhitespaceTokenizer.rule)


class WhitespaceTokenizer(Tokenizer):
    """Cuts at white space (Unicode's White_Space property) and nowhere else."""

    kind = "whitespace"
    description = "Whatever stands between white space, for text that is tokenised already."
    rule = r"(\S+)"

    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        pieces = _cutter().split(text)
        return pieces[1::2], spans_between(pieces, text.isascii())
