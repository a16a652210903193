"""Tokens on a page: what can't be seen is given a sign, what is too long is cut."""

from __future__ import annotations

from markupsafe import Markup

SIGNS = {"</s>": "¶", "\n": "↵", "\t": "⇥", " ": "␣", "": "∅"}
CONTROL = {c: f"\\x{c:02x}" for c in (*range(32), 127)} | {ord(c): SIGNS[c] for c in "\n\t"}


def visible(token: str) -> str:
    """Return the token as it can be printed: ``</s>`` as ¶, line ends, control signs and blanks at its ends as signs.

    A blank between words is left alone, as labels of exhibits are phrases at times.
    """
    known = SIGNS.get(token)
    if known:
        return known
    inner = token.strip(" ")
    first = len(token) - len(token.lstrip(" "))
    return SIGNS[" "] * first + inner.translate(CONTROL) + SIGNS[" "] * (len(token) - first - len(inner))


def shown(token: str, limit: int = 24) -> Markup:
    """Return the token for a narrow place: on its own as to direction, cut if long, with all of it on hovering."""
    text = visible(token)
    if len(text) <= limit and token != "</s>":
        return Markup("<bdi>{}</bdi>").format(text)
    full = "end of sentence" if token == "</s>" else text
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return Markup('<bdi title="{}">{}</bdi>').format(full, cut)
