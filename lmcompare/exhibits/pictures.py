"""Small pictures that a prompt guided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lmcompare.exhibits.exhibit import Exhibit, unequal

LEVELS = "0123456789abcdefg"  # of a pixel, from black to white

Grid = tuple[tuple[tuple[str, ...], ...], ...]


@dataclass(frozen=True, kw_only=True)
class PromptedPictures(Exhibit):
    """Pictures for R prompts at S strengths of guidance, N for each, beside the training picture nearest to each.

    A picture is a text with a character of ``LEVELS`` for each pixel, row by row, from "0" (black) to "g" (white).

    Parameters
    ----------
    side : int
        The pixels of a row and of a column.
    prompts : tuple of str
    strengths : tuple of str
        The names of the strengths, in rising order.
    pictures : tuple
        Strength, prompt, picture.
    nearest : tuple
        As ``pictures``: the training picture that is nearest to each.
    labels : tuple
        As ``pictures``: what each picture shows, as a classifier sees it.
    fitting : tuple
        As ``pictures``: whether the label is what the prompt says.
    shares : tuple
        Strength, prompt: the share of pictures that show what the prompt says, pictures that are not shown here
        included.
    opened : int, default=0
        The strength that is shown first.
    """

    kind: ClassVar[str] = "pictures"
    most: ClassVar[int] = 50_000
    side: int
    prompts: tuple[str, ...]
    strengths: tuple[str, ...]
    pictures: Grid
    nearest: Grid
    labels: Grid
    fitting: tuple[tuple[tuple[bool, ...], ...], ...]
    shares: tuple[tuple[float, ...], ...]
    opened: int = 0

    def problem(self) -> str:
        """Return which part does not have the shape of the others, or which value is not a picture or a share."""
        if not self.prompts or not self.strengths:
            return "it has no prompts or no strengths"
        parts = {"pictures": self.pictures, "nearest": self.nearest, "labels": self.labels, "fitting": self.fitting}
        if wrong := unequal(strengths=self.strengths, **parts, shares=self.shares):
            return wrong
        for i, strength in enumerate(self.strengths):
            if wrong := unequal(prompts=self.prompts, **{k: v[i] for k, v in parts.items()}, shares=self.shares[i]):
                return f"for '{strength}' {wrong}"
            for r, prompt in enumerate(self.prompts):
                if wrong := unequal(**{name: part[i][r] for name, part in parts.items()}):
                    return f"for '{prompt}' {wrong}"
        if len({len(row) for panel in self.pictures for row in panel}) > 1:
            return "the prompts have different numbers of pictures"
        every = (each for part in (self.pictures, self.nearest) for panel in part for row in panel for each in row)
        if wrong := next(filter(None, (not_a_picture(each, self.side) for each in every)), ""):
            return wrong
        if any(not 0 <= share <= 1 for panel in self.shares for share in panel):
            return "a share is outside 0 … 1"
        if not 0 <= self.opened < len(self.strengths):
            return f"opened is {self.opened}, but there are {len(self.strengths)} strengths"
        return ""


def not_a_picture(text: str, side: int) -> str:
    """Return why a text is no picture of ``side`` by ``side`` pixels, "" if it is."""
    if len(text) != side * side:
        return f"a picture has {len(text)} pixels, not {side} by {side}"
    if odd := set(text) - set(LEVELS):
        return f"a picture has the pixel '{min(odd)}', which is not one of {LEVELS}"
    return ""
