"""For text that is tokenised already: a token is what stands between white space."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import regex

from lmcompare.tokens.tokenizer import Tokenizer, spans_between
from lmcompare.tokens.vocabulary import END_TOKEN, IntArray


@functools.cache
def _cutter() -> regex.Pattern[str]:
    return regex.compile(WhitespaceTokenizer.rule)


class WhitespaceTokenizer(Tokenizer):
    """Cuts at white space (Unicode's White_Space property) and nowhere else."""

    kind = "whitespace"
    description = "Whatever stands between white space, for text that is tokenised already."
    rule = r"(\S+)"

    def tokenize(self, sentence: str) -> tuple[list[str], IntArray]:
        pieces = _cutter().split(sentence)
        return pieces[1::2], spans_between(pieces, sentence.isascii())

    def detokenize(self, tokens: Sequence[str]) -> str:
        lines: list[list[str]] = [[]]
        for token in tokens:
            if token == END_TOKEN:
                lines.append([])
            else:
                lines[-1].append(token)
        return "\n".join(" ".join(line) for line in lines)
