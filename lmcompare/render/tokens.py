"""Tokens as they are printed: invisible characters get a sign, long tokens are cut."""

from __future__ import annotations

from unicodedata import bidirectional

from markupsafe import Markup

from lmcompare.errors import CONTROL

UNKNOWN = "<unk>"
SIGNS = {"</s>": "¶", "\n": "↵", "\t": "⇥", " ": "␣", "": "∅"}
# invisible characters; joiners, which some scripts need, stay
INVISIBLE = (0xAD, 0x200B, 0x200E, 0x200F, *range(0x2060, 0x206A), 0xFEFF)
SHOWN = CONTROL | {c: f"\\u{c:04x}" for c in INVISIBLE} | {ord(c): SIGNS[c] for c in "\n\t"} | {13: "\u240d"}
RIGHT_TO_LEFT = ("R", "AL", "AN")  # directions that would move the text around them
ISOLATE, POP = "\u2068", "\u2069"


def visible(token: str) -> str:
    """Return a token as it is printed.

    ``</s>`` becomes ¶; line ends, control characters and spaces at the ends become signs; a token that is written
    from right to left is isolated from the text around it. Spaces inside stay, since some labels are phrases.
    """
    known = SIGNS.get(token)
    if known:
        return known
    inner = token.strip(" ")
    first = len(token) - len(token.lstrip(" "))
    text = SIGNS[" "] * first + inner.translate(SHOWN) + SIGNS[" "] * (len(token) - first - len(inner))
    return f"{ISOLATE}{text}{POP}" if any(bidirectional(c) in RIGHT_TO_LEFT for c in text) else text


def printable(text: str) -> str:
    """Return a piece of text as it is printed, with its spaces unchanged."""
    return text.translate(SHOWN)


def shown(token: str, limit: int = 24) -> Markup:
    """Return a token for a narrow column: cut to ``limit`` characters, with the whole token as a tooltip."""
    text = visible(token)
    if len(text) <= limit and token != "</s>":
        return Markup("<bdi>{}</bdi>").format(text)
    full = "end of sentence" if token == "</s>" else text
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return Markup('<bdi title="{}">{}</bdi>').format(full, cut)
