"""Points in the plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lmcompare.exhibits.exhibit import Drawing, Exhibit, fill, unequal
from lmcompare.render.charts.points import points
from lmcompare.render.tokens import visible

MOST = 600  # points; more would cover each other


@dataclass(frozen=True, kw_only=True)
class Map2D(Exhibit):
    """Labelled points in the plane.

    Parameters
    ----------
    labels : tuple of str
        The name of each point.
    x, y : tuple of float
        The coordinates.
    groups : tuple of str, default=()
        The group of each point, shown by its colour.
    """

    kind: ClassVar[str] = "map"
    most: ClassVar[int] = 20_000
    labels: tuple[str, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]
    groups: tuple[str, ...] = ()

    def problem(self) -> str:
        """Return which parts differ in length."""
        return unequal(labels=self.labels, x=self.x, y=self.y, groups=self.groups or self.labels)

    def draw(self) -> Drawing:
        """Draw the points, as many names as fit, and a key of the groups."""
        labels = [visible(label) for label in self.labels[:MOST]]
        drawn = points(labels, self.x[:MOST], self.y[:MOST], self.groups[:MOST], self.title)
        html = fill("map2d", exhibit=self, drawing=drawn, groups=list(dict.fromkeys(self.groups[:MOST])))
        return Drawing(html, svg=drawn)
