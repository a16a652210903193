"""Tokens of text that is tokenised already: whatever white space separates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import regex

from lmcompare.tokens.marks import RESERVED, MarkedTokenizer


class WhitespaceTokenizer(MarkedTokenizer):
    """Cuts at white space (Unicode's White_Space property) and nowhere else."""

    kind = "whitespace"
    description = "The text between white space: for text that is tokenised already."
    rule = r"(\S+)"

    def fit(self, texts: Sequence[str]) -> Self:
        super().fit(texts)
        self.marks = {
            mark: count for mark, count in self.marks.items() if mark in RESERVED
        }  # other marks stay whole anyway
        self.tokenised = False  # so that no note is given: such a text is expected here
        return self

    def pattern(self, marks: Sequence[str]) -> regex.Pattern[str]:
        return regex.compile(self.rule)

    def oniguruma(self, marks: Sequence[str]) -> str:
        return r"\P{White_Space}+"

    def javascript(self, marks: Sequence[str]) -> str:
        return r"\P{White_Space}+"
