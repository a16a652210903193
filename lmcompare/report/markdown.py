"""Pieces of Markdown: tables, and text in which nothing is markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lmcompare.report.tokens import CONTROL


def row(cells: Iterable[str]) -> str:
    """Return a row of a Markdown table; what would break it is escaped."""
    return f"| {' | '.join(cells)} |"


def table(head: Sequence[str], rows: Iterable[Iterable[str]], left: int = 1) -> str:
    """Return a Markdown table; all but the first ``left`` columns are aligned to the right."""
    marks = [":--" if i < left else "--:" for i in range(len(head))]
    return "\n".join([row(head), row(marks), *(row(cells) for cells in rows)])


SPECIAL = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_{}[]<>#|~$"})


def plain(text: str) -> str:
    """Return text that Markdown shows as it is, on one line, and that no renderer takes for HTML."""
    return " ".join(text.split()).translate(CONTROL).replace("&", "&amp;").translate(SPECIAL)
