"""Draws lines over a common quantity."""

from __future__ import annotations

from itertools import pairwise

from lmcompare.exhibits import Curve
from lmcompare.report import numbers
from lmcompare.report.charts.lines import Line, lines
from lmcompare.report.kinds.rendering import Rendering
from lmcompare.report.templating import fill

SAID = 4  # lines; more are not described in a sentence


def render(exhibit: Curve) -> Rendering:
    """Draw the lines, each named at its end."""
    given = [
        Line(name, i, x, y) for i, (name, x, y) in enumerate(zip(exhibit.names, exhibit.x, exhibit.y, strict=True))
    ]
    drawn = lines(
        given,
        exhibit.title,
        exhibit.x_axis,
        exhibit.y_axis,
        numbers.tidy,
        numbers.tidy,
        log_x=False,
        log_y=False,
        family="g",
    )
    return Rendering(fill("kinds/drawing", exhibit=exhibit, drawing=drawn), reading(exhibit), svg=drawn)


def reading(exhibit: Curve) -> str:
    """Return a sentence on where each line begins, turns and ends; "" for many lines and for waves."""
    said = []
    for name, x, y in zip(exhibit.names, exhibit.x, exhibit.y, strict=True):
        known = list(zip(y, x, strict=True))
        if not known:
            continue
        steps = [step for (b, _), (a, _) in pairwise(known) if (step := a - b)]
        turns = sum((one > 0) != (other > 0) for one, other in pairwise(steps))
        if turns > 1:
            return ""
        first, last = known[0], known[-1]
        text = f"“{name}” goes from {numbers.tidy(first[0])} to {numbers.tidy(last[0])}"
        if turns:
            what, end = ("highest", max(known)) if steps[0] > 0 else ("lowest", min(known))
            text += f" with its {what} point, {numbers.tidy(end[0])}, at {numbers.tidy(end[1])}"
        said.append(text)
    if len(said) > SAID:
        return ""
    return "; ".join(said) + "." if said else "It has no points."
