"""Lines over a shared kind of x."""

from __future__ import annotations

import math
from itertools import pairwise

from lmcompare.exhibits import Curve
from lmcompare.report import numbers
from lmcompare.report.charts.lines import Line, lines
from lmcompare.report.kinds.rendering import Rendering
from lmcompare.report.templating import fill

SAID = 4  # lines of which a sentence tells


def render(exhibit: Curve) -> Rendering:
    """The lines, each named at its end."""
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
    """Say where each line begins, turns and ends; of many lines, or of waves, there is no short account."""
    said = []
    for name, x, y in zip(exhibit.names, exhibit.x, exhibit.y, strict=True):
        known = [(b, a) for a, b in zip(x, y, strict=True) if math.isfinite(a) and math.isfinite(b)]
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
    return "; ".join(said) + "." if said else "No line has a point."
