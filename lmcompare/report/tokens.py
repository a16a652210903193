"""Tokens on a page: what can't be seen is given a sign, what is too long is cut."""

from __future__ import annotations

from unicodedata import bidirectional

from markupsafe import Markup

SIGNS = {"</s>": "¶", "\n": "↵", "\t": "⇥", " ": "␣", "": "∅"}
# what can't be seen, and what turns the order of the text around it; joiners, which words of some scripts need, stay
UNSEEN = (0xAD, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF)
CONTROL = {c: f"\\x{c:02x}" for c in (*range(32), *range(127, 160))}
CONTROL |= {c: f"\\u{c:04x}" for c in UNSEEN} | {ord(c): SIGNS[c] for c in "\n\t"}
TURNED = ("R", "AL", "AN")  # directions that move what stands beside them
ISOLATE, POP = "\u2068", "\u2069"


def visible(token: str) -> str:
    """Return the token as it can be printed: ``</s>`` as ¶, line ends, control signs and blanks at its ends as signs;
    one that is written from right to left keeps its order to itself.

    A blank between words is left alone, as labels of exhibits are phrases at times.
    """
    known = SIGNS.get(token)
    if known:
        return known
    inner = token.strip(" ")
    first = len(token) - len(token.lstrip(" "))
    text = SIGNS[" "] * first + inner.translate(CONTROL) + SIGNS[" "] * (len(token) - first - len(inner))
    return f"{ISOLATE}{text}{POP}" if any(bidirectional(c) in TURNED for c in text) else text


def printable(text: str) -> str:
    """Return a piece of text as it can be printed, its blanks as they are."""
    return text.translate(CONTROL)


def shown(token: str, limit: int = 24) -> Markup:
    """Return the token for a narrow place: on its own as to direction, cut if long, with all of it on hovering."""
    text = visible(token)
    if len(text) <= limit and token != "</s>":
        return Markup("<bdi>{}</bdi>").format(text)
    full = "end of sentence" if token == "</s>" else text
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return Markup('<bdi title="{}">{}</bdi>').format(full, cut)
