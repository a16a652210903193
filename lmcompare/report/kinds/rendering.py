"""The result of drawing an exhibit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Rendering:
    """An exhibit as the report shows it.

    Parameters
    ----------
    html : Markup
        The exhibit for the page. An element of the class ``wide`` gets the full width of the page.
    reading : str
        One sentence, made from the numbers, that tells the reader what the exhibit shows; "" if there is none.
    markdown : str, default=""
        The exhibit for the Markdown report, as far as Markdown can show it.
    svg : Markup or None, default=None
        The drawing, if there is one; it is stored as a file.
    """

    html: Markup
    reading: str
    markdown: str = ""
    svg: Markup | None = None


def row(cells: Iterable[str]) -> str:
    """Return a row of a Markdown table; what would break it is escaped."""
    return f"| {' | '.join(cells)} |"


def table(head: Sequence[str], rows: Iterable[Iterable[str]], left: int = 1) -> str:
    """Return a Markdown table; all but the first ``left`` columns are aligned to the right."""
    marks = [":--" if i < left else "--:" for i in range(len(head))]
    return "\n".join([row(head), row(marks), *(row(cells) for cells in rows)])


# a terminal obeys them: show their pictures
CONTROL = {c: chr(0x2400 + c) for c in range(32) if chr(c) not in "\t\n\r"} | {127: "\u2421"}
SPECIAL = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_{}[]<>#|~$"})


def plain(text: str) -> str:
    """Return text that Markdown shows as it is, on one line, and that no renderer takes for HTML."""
    return " ".join(text.split()).translate(CONTROL).replace("&", "&amp;").translate(SPECIAL)
