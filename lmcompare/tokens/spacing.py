"""Blanks between words: which scripts have none, and where to put them in text that people read."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import regex

from lmcompare.tokens.tokenizer import lines_of

# Scripts without blanks between words; the code points are the marks of length and voicing of Hiragana and Katakana.
_SCRIPTS = (
    "Han Hiragana Katakana Bopomofo Thai Lao Khmer Myanmar Tai_Le New_Tai_Lue Tai_Tham Tai_Viet Javanese Balinese"
)
UNSPACED = "".join(rf"\p{{Script={script}}}" for script in _SCRIPTS.split()) + r"\u30FC\uFF70\uFF9E\uFF9F"
"""The characters of these scripts, to be put into a set of a regular expression."""

_WIDE_PUNCTUATION = r"\u3001-\u3003\u3008-\u301F\uFF01-\uFF0F\uFF1A-\uFF20\uFF3B-\uFF40\uFF5B-\uFF65"

# No blank before a closing mark, none after an opening one, none on either side of a joining one.
_CLOSING = frozenset(",.;:!?%)]}…”’»›°′″") | {"...", "'s", "’s", "'S", "’S"}
_OPENING = frozenset("([{“‘„«‹¿¡$£€¥#@")
_JOINING = frozenset("-/–—_\\⁄~")
_STRAIGHT_QUOTES = frozenset("\"'")


@functools.cache
def _unspaced() -> regex.Pattern[str]:
    return regex.compile(f"[{UNSPACED}{_WIDE_PUNCTUATION}]", regex.V1)


@functools.lru_cache(maxsize=65536)
def is_unspaced(token: str) -> bool:
    """Return whether the token begins with a character of a script without blanks, or with its punctuation."""
    return _unspaced().match(token) is not None


def spaced(tokens: Sequence[str]) -> str:
    """Join tokens as English text is written; ``</s>`` ends a line.

    A straight quotation mark opens and closes in turn within a sentence. There is no blank between characters of
    scripts without blanks, nor beside their wide punctuation.
    """
    return "\n".join(_line(line) for line in lines_of(tokens))


def _line(tokens: Sequence[str]) -> str:
    pieces: list[str] = []
    opened: set[str] = set()
    touches = True  # whether there is no blank before the next token
    for at, token in enumerate(tokens):
        straight = token in _STRAIGHT_QUOTES
        closes = straight and (token in opened or _is_apostrophe(tokens, at))
        wide = bool(pieces) and is_unspaced(token) and is_unspaced(pieces[-1])
        if not (touches or closes or wide or token in _CLOSING or token in _JOINING):
            pieces.append(" ")
        pieces.append(token)
        touches = token in _OPENING or token in _JOINING or (straight and not closes)
        if straight:
            (opened.discard if closes else opened.add)(token)
    return "".join(pieces)


def _is_apostrophe(tokens: Sequence[str], at: int) -> bool:
    """Return whether this is a straight single quote without a partner, as in *the workers' rights*."""
    return tokens[at] == "'" and "'" not in tokens[at + 1 :]
