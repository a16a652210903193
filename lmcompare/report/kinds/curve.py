"""Draws lines over a common quantity."""

from __future__ import annotations

from lmcompare.exhibits import Curve
from lmcompare.report import numbers
from lmcompare.report.charts.lines import Line, lines
from lmcompare.report.kinds import Rendering


def render(exhibit: Curve) -> Rendering:
    """Draw the lines, each named at its end."""
    given = [
        Line(name, i, x, y) for i, (name, x, y) in enumerate(zip(exhibit.names, exhibit.x, exhibit.y, strict=True))
    ]
    drawn = lines(given, exhibit.title, exhibit.x_axis, exhibit.y_axis, numbers.tidy, numbers.tidy, "g", None)
    return Rendering(drawn, svg=drawn)
