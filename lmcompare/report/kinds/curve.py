"""Lines over a shared kind of x."""

from __future__ import annotations

import math

from lmcompare.exhibits import Curve
from lmcompare.report import numbers
from lmcompare.report.charts.lines import Line, lines
from lmcompare.report.kinds.rendering import Rendering
from lmcompare.report.pages import fill


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
    """Say where each line begins and ends, and its lowest and highest point if it turns."""
    said = []
    for name, x, y in zip(exhibit.names, exhibit.x, exhibit.y, strict=True):
        known = [(b, a) for a, b in zip(x, y, strict=True) if math.isfinite(a) and math.isfinite(b)]
        if not known:
            continue
        first, last, high = known[0], known[-1], max(known)
        text = f"“{name}” goes from {numbers.tidy(first[0])} to {numbers.tidy(last[0])}"
        if high[0] > max(first[0], last[0]):
            text += f" with its highest point, {numbers.tidy(high[0])}, at {numbers.tidy(high[1])}"
        said.append(text)
    more = f"; and {len(said) - 4} more" if len(said) > 4 else ""
    return "; ".join(said[:4]) + more + "." if said else "No line has a point."
