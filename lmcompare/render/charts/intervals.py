"""A dot with its interval for each row: alone in a cell of a table, or all rows in one chart."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from markupsafe import Markup

from lmcompare.render.charts import svg
from lmcompare.render.charts.axes import Frame, Label, Margins
from lmcompare.render.charts.lines import shortened
from lmcompare.render.charts.scales import Scale, fit

APART = 44.0  # pixels between the names of two marks
MANY = 12  # rows; more are closer together


@dataclass(frozen=True)
class Row:
    """One figure with its interval, which may be lacking.

    ``family``: "m" for the figure of the model of that index, "g" for that of a group, which is no model.
    ``hollow``: whether its mark is an outline.
    """

    name: str
    index: int
    value: float
    low: float | None = None
    high: float | None = None
    family: str = "m"
    hollow: bool = False

    @property
    def extent(self) -> tuple[float, float]:
        """The interval, or the figure itself where there is none."""
        return (self.value if self.low is None else self.low, self.value if self.high is None else self.high)


def shared_scale(rows: Sequence[Row], pixels: tuple[float, float], *also: float) -> Scale:
    """Return one linear scale for all rows and these values."""
    return fit([*also, *(v for row in rows for v in row.extent)], pixels, log=False)


def strip(row: Row, scale: Scale, label: str, height: float = 26) -> Markup:
    """Return the interval of one row as a small drawing on the shared scale, for a cell of a table."""
    width = max(scale.pixels) + min(scale.pixels)
    middle = height / 2
    parts = [svg.line(scale(t), 0, scale(t), height, "grid") for t in scale.ticks(4)]
    parts.extend(_mark(row, scale, middle))
    return svg.drawing(width, height, label, parts, "strip")


def strip_axis(scale: Scale, label: Label, title: str) -> Markup:
    """Return the axis above a column of strips."""
    width = max(scale.pixels) + min(scale.pixels)
    parts = [svg.text(scale(t), 11, label(t), "tick", "middle") for t in scale.ticks(4)]
    return svg.drawing(width, 14, title, parts, "strip")


def intervals(
    rows: Sequence[Row],
    label: str,
    x_title: str,
    x_label: Label,
    value_label: Label,
    *,
    zero: bool = False,
    marks: Sequence[tuple[str, float]] = (),
    best: bool = False,
) -> Markup:
    """Return all rows in one chart, in the order given.

    ``best``: with a stepped line of the least figure so far, from the first row to the last; ``zero``: with the line
    of zero; ``marks``: with a dashed line at each of these values, and its name above it. A mark whose name would
    cover an earlier one is left out.
    """
    names = [wrapped(row.name) for row in rows]
    close = len(rows) > MANY and all(len(name) == 1 for name in names)
    width, step = 480.0 if best else 440.0, 22.0 if close else 32.0
    margins = Margins(
        left=16 + 7 * max((len(line) for name in names for line in name), default=0),
        right=58,
        top=22 if marks else 8,
    )
    height = margins.top + step * len(rows) + margins.bottom
    also = [0.0] if zero else [value for _, value in marks]
    scale = shared_scale(rows, (margins.left, width - margins.right), *also)
    plot = Frame(width, height, scale, Scale((0, len(rows)), (margins.top, height - margins.bottom)), margins)
    parts = [svg.line(scale(t), plot.top, scale(t), plot.bottom, "grid") for t in scale.ticks(4)]
    parts += plot.x_axis(x_title, x_label, 4)
    if zero:
        parts.append(svg.line(scale(0.0), plot.top, scale(0.0), plot.bottom, "base"))
    if best:
        parts.append(svg.path(_least(rows, plot), "front"))
    taken: list[float] = []
    for name, value in marks:
        if all(abs(scale(value) - other) >= APART for other in taken):
            taken.append(scale(value))
            parts.append(svg.line(scale(value), plot.top, scale(value), plot.bottom, "front"))
            parts.append(svg.text(scale(value), plot.top - 7, name, "tick", "middle"))
    for i, row in enumerate(rows):
        middle = plot.y(i + 0.5)
        for n, line in enumerate(names[i]):
            at = middle + 4 + 14 * (n - (len(names[i]) - 1) / 2)
            parts.append(svg.text(plot.left - 12, at, line, "name-plain", "end"))
        parts.extend(_mark(row, scale, middle))
        parts.append(svg.text(plot.right + 10, middle + 4, value_label(row.value), "value"))
    series = [
        svg.Series(row.name, svg.hue(row.index, row.family), ((row.value,), (row.low,), (row.high,))) for row in rows
    ]
    return svg.drawing(width, height, label, parts, data=svg.Data((x_title, "low", "high"), series))


def wrapped(name: str, width: int = 24) -> list[str]:
    """Return the name in one line or two; what does not fit is left out of its middle."""
    return textwrap.wrap(shortened(name, 2 * width - 2), width, max_lines=2, placeholder="…") or [""]


def _least(rows: Sequence[Row], plot: Frame) -> list[tuple[float, float]]:
    """Return the corners of the line of the least figure so far, downwards from the first row."""
    least = list(accumulate((row.value for row in rows), min))
    points = [(plot.x(least[0]), plot.y(0.5))]
    for i, (before, value) in enumerate(pairwise(least), 1):
        if value < before:
            points += [(plot.x(before), plot.y(i + 0.5)), (plot.x(value), plot.y(i + 0.5))]
    return [*points, (plot.x(least[-1]), plot.bottom)]


def _mark(row: Row, scale: Scale, middle: float) -> list[Markup]:
    low, high = (scale(v) for v in row.extent)
    bar = svg.line(low, middle, high, middle, "interval")
    ends = [svg.line(at, middle - 4, at, middle + 4, "cap") for at in (low, high)] if high > low else []
    said = f"{row.name}: {row.value:.3f}"
    return [
        svg.of_model(row.index, bar, *ends, family=row.family),
        svg.marker(row.index, scale(row.value), middle, said, 3.8, row.family, hollow=row.hollow),
    ]
