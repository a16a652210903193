"""Helpers for equations in LaTeX."""

from __future__ import annotations

import re
import unicodedata

_COMMANDS = {  # for characters that LaTeX reads as commands
    "\\": r"\backslash",
    "^": r"\hat{}",
    "~": r"\sim",
    "<": r"\lt",
    ">": r"\gt",
    **{sign: f"\\{sign}" for sign in "{}%#$&_"},
}


def latex_text(words: str) -> str:
    r"""Return a LaTeX expression that shows any words as they are written.

    Parameters
    ----------
    words : str
        Any text, for example a token. White space becomes one space; characters that cannot be seen (control
        characters and marks that change the direction of writing) become U+FFFD.

    Returns
    -------
    str
        An expression in braces, to be used in math mode: ``"a_b"`` becomes ``{\text{a}\_\text{b}}``.
    """
    shown = "".join("\ufffd" if unicodedata.category(sign)[0] == "C" else sign for sign in " ".join(words.split()))
    parts = re.findall(r"[\\^~<>{}%#$&_]|[^\\^~<>{}%#$&_]+", shown)
    return "{" + "".join(_COMMANDS.get(part) or rf"\text{{{part}}}" for part in parts) + "}"


def latex_lines(*equations: str) -> str:
    r"""Return equations below each other, aligned at the ``&`` in each: ``latex_lines("a &= b", "c &= d")``."""
    return r"\begin{split} " + r" \\ ".join(equations) + r" \end{split}"
