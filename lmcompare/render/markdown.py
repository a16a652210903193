"""Markdown: tables, and text in which nothing is markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from lmcompare.errors import CONTROL

SPECIAL = str.maketrans({"&": "&amp;", **{sign: f"\\{sign}" for sign in "\\`*_{}[]<>#|~$"}})


def plain(text: str) -> str:
    """Return text that Markdown shows as it is, on one line, and that no renderer takes for HTML."""
    return escaped(" ".join(text.split()))


def table(head: Sequence[str], rows: Iterable[Iterable[str]], left: int = 1) -> str:
    """Return a Markdown table; all but the first ``left`` columns are aligned to the right."""
    marks = [":--" if i < left else "--:" for i in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, marks, *rows))


def escaped(text: str) -> str:
    """Return a part of a line as Markdown in which nothing is markup."""
    return re.sub(r"[ \t\r\n]+", " ", text).translate(CONTROL).translate(SPECIAL)
