"""Draws words and their nearest words."""

from __future__ import annotations

from lmcompare.exhibits import Neighbours
from lmcompare.report.kinds.rendering import Rendering
from lmcompare.report.markdown import plain, table
from lmcompare.report.templating import fill
from lmcompare.report.tokens import visible

OPEN = 6  # rows; further ones are folded


def render(exhibit: Neighbours) -> Rendering:
    """Draw a row for each word, the nearest word first, each with a bar for its similarity."""
    rows = [
        (word, list(zip(names, amounts, strict=True)))
        for word, names, amounts in zip(exhibit.words, exhibit.neighbours, exhibit.similarities, strict=True)
    ]
    markdown = table(
        ("word", "nearest (cosine)"),
        (
            (plain(visible(word)), ", ".join(f"{plain(visible(name))} {amount:.2f}" for name, amount in found))
            for word, found in rows
        ),
        2,
    )
    shown_open = OPEN if len(rows) > OPEN + 1 else len(rows)
    html = fill("kinds/neighbours", exhibit=exhibit, rows=rows, shown_open=shown_open)
    return Rendering(html, reading(exhibit), markdown)


def reading(exhibit: Neighbours) -> str:
    """Return a sentence on the nearest pair; "" for phrases, which are too long for a sentence."""
    firsts = [
        (amounts[0], visible(word), visible(names[0]))
        for word, names, amounts in zip(exhibit.words, exhibit.neighbours, exhibit.similarities, strict=True)
        if amounts
    ]
    if not firsts:
        return "No word has a neighbour."
    high, word, other = max(firsts)
    return "" if " " in word + other else f"Nearest of all are “{word}” and “{other}” (cosine {high:.2f})."
