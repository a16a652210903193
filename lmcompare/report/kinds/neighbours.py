"""Draws words and their nearest words."""

from __future__ import annotations

from lmcompare.exhibits import Neighbours
from lmcompare.report.kinds import Rendering
from lmcompare.report.templating import fill

OPEN = 6  # rows; further ones are folded


def render(exhibit: Neighbours) -> Rendering:
    """Draw a row for each word, the nearest word first, each with a bar for its similarity."""
    rows = [
        (word, list(zip(names, amounts, strict=True)))
        for word, names, amounts in zip(exhibit.words, exhibit.neighbours, exhibit.similarities, strict=True)
    ]
    shown_open = OPEN if len(rows) > OPEN + 1 else len(rows)
    html = fill("kinds/neighbours", exhibit=exhibit, rows=rows, shown_open=shown_open)
    return Rendering(html)
