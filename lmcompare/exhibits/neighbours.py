"""Words and their nearest words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lmcompare.exhibits.exhibit import Drawing, Exhibit, fill, unequal

OPEN = 6  # rows; further ones are folded


@dataclass(frozen=True, kw_only=True)
class Neighbours(Exhibit):
    """Words, the words nearest to each, and how similar they are.

    Parameters
    ----------
    words : tuple of str
        The words whose neighbours are shown.
    neighbours : tuple of tuples of str
        The nearest words of each word, the nearest first.
    similarities : tuple of tuples of float
        The cosine of each neighbour, from -1 to 1; 1 is the same direction.
    """

    kind: ClassVar[str] = "neighbours"
    most: ClassVar[int] = 20_000
    words: tuple[str, ...]
    neighbours: tuple[tuple[str, ...], ...]
    similarities: tuple[tuple[float, ...], ...]

    def problem(self) -> str:
        """Return which parts differ in length, or which similarity is not a cosine."""
        if wrong := unequal(words=self.words, neighbours=self.neighbours, similarities=self.similarities):
            return wrong
        for word, near, similarities in zip(self.words, self.neighbours, self.similarities, strict=True):
            if wrong := unequal(neighbours=near, similarities=similarities):
                return f"for '{word}' {wrong}"
            if any(abs(similarity) > 1 + 1e-6 for similarity in similarities):
                return f"a similarity of '{word}' is not a cosine: it is outside -1 … 1"
        return ""

    def draw(self) -> Drawing:
        """Draw a row for each word, the nearest word first, each with a bar for its similarity."""
        rows = [
            (word, list(zip(names, amounts, strict=True)))
            for word, names, amounts in zip(self.words, self.neighbours, self.similarities, strict=True)
        ]
        shown_open = OPEN if len(rows) > OPEN + 1 else len(rows)
        html = fill("neighbours", exhibit=self, rows=rows, shown_open=shown_open)
        return Drawing(html)
