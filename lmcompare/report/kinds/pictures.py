"""Draws pictures that a prompt guided: a slider of the strength of guidance, or all strengths one after the other."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lmcompare.exhibits import LEVELS, PromptedPictures
from lmcompare.report import numbers
from lmcompare.report.charts.png import Array, strip
from lmcompare.report.kinds import Rendering
from lmcompare.report.markdown import plain, table
from lmcompare.report.templating import fill


def render(exhibit: PromptedPictures) -> Rendering:
    """Draw for each strength and prompt a strip of pictures, what the classifier says, and the nearest pictures."""
    panels = []
    for i, strength in enumerate(exhibit.strengths):
        rows = [
            {
                "prompt": prompt,
                "share": exhibit.shares[i][r],
                "pictures": strip(amounts(exhibit.pictures[i][r], exhibit.side)),
                "nearest": strip(amounts(exhibit.nearest[i][r], exhibit.side)),
                "labels": list(zip(exhibit.labels[i][r], exhibit.fitting[i][r], strict=True)),
            }
            for r, prompt in enumerate(exhibit.prompts)
            if exhibit.pictures[i][r]
        ]
        panels.append({"name": strength, "rows": rows})
    html = fill("kinds/pictures", exhibit=exhibit, panels=panels, size=exhibit.side + 2)
    return Rendering(html, _reading(exhibit), _markdown(exhibit))


def amounts(pictures: Iterable[str], side: int) -> Array:
    """Return N pictures as amounts from 0 to 1, (N, side, side)."""
    levels = [[LEVELS.index(pixel) for pixel in picture] for picture in pictures]
    return np.array(levels, np.float64).reshape(-1, side, side) / (len(LEVELS) - 1)


def _reading(exhibit: PromptedPictures) -> str:
    """Return how often the pictures are what the prompts say, at the first strength and at the one shown first."""
    first, shown = (float(np.mean(exhibit.shares[i])) for i in (0, exhibit.opened))
    if exhibit.opened == 0:
        return ""
    return (
        f"On average over these prompts, {numbers.percent(first, 0)} of the pictures are what the prompt says with"
        f" the strength {exhibit.strengths[0]}, and {numbers.percent(shown, 0)} with"
        f" {exhibit.strengths[exhibit.opened]}."
    )


def _markdown(exhibit: PromptedPictures) -> str:
    """Return the share of pictures that are what the prompt says, by prompt and strength."""
    lines = (
        (plain(prompt), *(numbers.percent(panel[r], 0) for panel in exhibit.shares))
        for r, prompt in enumerate(exhibit.prompts)
    )
    return "The share of pictures that are what the prompt says, by the strength of guidance:\n\n" + table(
        ("Prompt", *map(plain, exhibit.strengths)), lines, 1
    )
