"""Points in the plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lmcompare.exhibits.exhibit import Exhibit, unequal


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
