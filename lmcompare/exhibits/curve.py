"""Lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lmcompare.exhibits.exhibit import Drawing, Exhibit, unequal
from lmcompare.render import numbers
from lmcompare.render.charts.lines import Line, lines


@dataclass(frozen=True, kw_only=True)
class Curve(Exhibit):
    """Lines over a common quantity, for example learning curves.

    Parameters
    ----------
    names : tuple of str
        The name of each line.
    x, y : tuple of tuples of float
        The coordinates of each line's points.
    x_axis, y_axis : str, default=""
        What the axes show, with the unit.
    """

    kind: ClassVar[str] = "curve"
    most: ClassVar[int] = 50_000
    names: tuple[str, ...]
    x: tuple[tuple[float, ...], ...]
    y: tuple[tuple[float, ...], ...]
    x_axis: str = ""
    y_axis: str = ""

    def problem(self) -> str:
        """Return which parts differ in length."""
        if wrong := unequal(names=self.names, x=self.x, y=self.y):
            return wrong
        for name, x, y in zip(self.names, self.x, self.y, strict=True):
            if wrong := unequal(x=x, y=y):
                return f"for '{name}' {wrong}"
        return ""

    def draw(self) -> Drawing:
        """Draw the lines, each named at its end."""
        given = [Line(name, i, x, y) for i, (name, x, y) in enumerate(zip(self.names, self.x, self.y, strict=True))]
        drawn = lines(given, self.title, self.x_axis, self.y_axis, numbers.tidy, numbers.tidy, "g", None)
        return Drawing(drawn, svg=drawn)
