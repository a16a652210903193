"""Blanks between words and punctuation marks, for text that people read."""

from __future__ import annotations

from collections.abc import Sequence

from lmcompare.tokens.scripts import is_unspaced
from lmcompare.tokens.vocabulary import END_TOKEN

# No blank before a closing mark, none after an opening one, none on either side of a joining one.
_CLOSING = frozenset(",.;:!?%)]}…”’»›°′″") | {"...", "'s", "’s", "'S", "’S"}
_OPENING = frozenset("([{“‘„«‹¿¡$£€¥#@")
_JOINING = frozenset("-/–—_\\⁄~")
_STRAIGHT_QUOTES = frozenset("\"'")


def spaced(tokens: Sequence[str]) -> str:
    """Join tokens as English text is written; ``</s>`` ends a line.

    A straight quotation mark opens and closes in turn within a sentence. There is no blank between characters of
    scripts without blanks, nor beside their wide punctuation.
    """
    lines: list[list[str]] = [[]]
    for token in tokens:
        if token == END_TOKEN:
            lines.append([])
        else:
            lines[-1].append(token)
    return "\n".join(_line(line) for line in lines)


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
