"""Expressions of the module ``regex`` (version 1, verbose) in the syntaxes of other engines.

The functions translate what the expression of the tokenizer ``word`` uses: comments, differences of sets, names of
scripts and Unicode's white space. ``marks`` come first and match where white space surrounds them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence


def oniguruma(pattern: str, marks: Sequence[str]) -> str:
    """Return an expression in the syntax of Oniguruma."""
    pattern = re.sub(r"\\p\{Script=(\w+)\}", r"\\p{\1}", _compact(pattern))
    return _after_marks(pattern.replace("]--[", "]&&[^"), marks, r"\x{{{:X}}}")


def javascript(pattern: str, marks: Sequence[str]) -> str:
    """Return an expression in the syntax of JavaScript with the flag v.

    JavaScript has no possessive quantifiers; greedy quantifiers match the same where nothing after them can fail.
    """
    return _after_marks(re.sub(r"(?<=[*+])\+", "", _compact(pattern)), marks, r"\u{{{:X}}}")


def _compact(pattern: str) -> str:
    pattern = re.sub(r"\s#.*$", "", pattern, flags=re.MULTILINE)
    return re.sub(r"\s+", "", pattern).replace(r"\S", r"\P{White_Space}")


def _after_marks(pattern: str, marks: Sequence[str], code: str) -> str:
    alone = r"(?<!\P{{White_Space}}){}(?!\P{{White_Space}})|"
    literal = ("".join(c if c.isalnum() else code.format(ord(c)) for c in mark) for mark in marks)
    return "".join(map(alone.format, literal)) + pattern
