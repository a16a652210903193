"""Draws labelled points in the plane."""

from __future__ import annotations

from lmcompare.exhibits import Map2D
from lmcompare.report.charts.points import points
from lmcompare.report.kinds import Rendering
from lmcompare.report.templating import fill
from lmcompare.report.tokens import visible

MOST = 600  # points; more would cover each other


def render(exhibit: Map2D) -> Rendering:
    """Draw the points, as many names as fit, and a key of the groups."""
    labels = [visible(label) for label in exhibit.labels[:MOST]]
    drawn = points(labels, exhibit.x[:MOST], exhibit.y[:MOST], exhibit.groups[:MOST], exhibit.title)
    html = fill("kinds/map2d", exhibit=exhibit, drawing=drawn, groups=list(dict.fromkeys(exhibit.groups[:MOST])))
    return Rendering(html, svg=drawn)
