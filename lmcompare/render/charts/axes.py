"""The frame of a chart: scales, grid, tick labels and axis titles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from lmcompare.render.charts import svg
from lmcompare.render.charts.scales import Scale, fit

Label = Callable[[float], str]
WIDTH, HEIGHT = 420.0, 285.0  # of most charts, in pixels


@dataclass(frozen=True)
class Margins:
    """Pixels around the plot."""

    left: float = 50
    right: float = 16
    top: float = 26
    bottom: float = 42


@dataclass(frozen=True)
class Frame:
    """A plot of that size; ``x`` and ``y`` map data to pixels."""

    width: float
    height: float
    x: Scale
    y: Scale
    margins: Margins = Margins()

    @property
    def left(self) -> float:
        return self.margins.left

    @property
    def right(self) -> float:
        return self.width - self.margins.right

    @property
    def top(self) -> float:
        return self.margins.top

    @property
    def bottom(self) -> float:
        return self.height - self.margins.bottom

    def axes(self, x_title: str, y_title: str, x_label: Label, y_label: Label) -> list[Markup]:
        """Return grid, ticks and titles."""
        return [*self.y_axis(y_title, y_label), *self.x_axis(x_title, x_label)]

    def y_axis(self, title: str, label: Label) -> list[Markup]:
        """Return the grid and the ticks of the vertical axis; its title is above it, where it is horizontal."""
        ticks = [(self.y(tick), label(tick)) for tick in self.y.ticks(5)]
        names = [svg.text(self.left - 8, at + 4, name, "tick", "end") for at, name in ticks]
        grid = [svg.line(self.left, at, self.right, at, "grid") for at, _ in ticks]
        return [*grid, svg.element("g", *names, svg.text(2, 13, title, "axis"), class_="y-axis")]

    def x_axis(self, title: str, label: Label, about: int = 5) -> list[Markup]:
        """Return the horizontal axis with its ticks below the plot."""
        parts = [svg.line(self.left, self.bottom, self.right, self.bottom, "base")]
        for tick in self.x.ticks(about):
            at = self.x(tick)
            parts.append(svg.line(at, self.bottom, at, self.bottom + 4, "base"))
            parts.append(svg.text(at, self.bottom + 17, label(tick), "tick", "middle"))
        parts.append(svg.text((self.left + self.right) / 2, self.height - 5, title, "axis", "middle"))
        return parts


def frame(
    xs: Iterable[float | None],
    ys: Iterable[float | None],
    margins: Margins,
    *,
    log_x: bool | None = False,
    choices_x: tuple[float, ...] = (),
) -> Frame:
    """Return a frame of the usual size whose scales show all these values; y is linear, x as in ``fit``."""
    x = fit(xs, (margins.left, WIDTH - margins.right), log=log_x, choices=choices_x)
    return Frame(WIDTH, HEIGHT, x, fit(ys, (HEIGHT - margins.bottom, margins.top), log=False), margins)


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return positions near the wanted ones, in the same order, at least ``gap`` apart and inside low … high.

    This separates the labels at the ends of lines; labels that do not all fit are spaced evenly.
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    gap = min(gap, (high - low) / max(1, len(wanted) - 1)) if len(wanted) > 1 else gap
    placed: list[float] = []
    for i in order:
        placed.append(max(wanted[i], placed[-1] + gap if placed else low))
    over = max(0.0, placed[-1] - high) if placed else 0.0
    for k in range(len(placed) - 1, -1, -1):
        limit = high if k == len(placed) - 1 else placed[k + 1] - gap
        placed[k] = min(placed[k], limit) if over else placed[k]
    result = [0.0] * len(wanted)
    for k, i in enumerate(order):
        result[i] = placed[k]
    return result
