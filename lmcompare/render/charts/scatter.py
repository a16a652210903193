"""Two figures of each model, or of each setting of one, against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from lmcompare.render.charts import svg
from lmcompare.render.charts.axes import Frame, Label, Margins, frame
from lmcompare.render.charts.labels import Box, Labels
from lmcompare.render.charts.lines import brief

ROOM = 1.5  # the x axis reaches this many times as far as the marks


@dataclass(frozen=True)
class Dot:
    """One model: less is better on both axes; ``low`` to ``high`` is the interval of y."""

    name: str
    index: int
    x: float
    y: float
    low: float | None = None
    high: float | None = None


def pareto(dots: Sequence[Dot]) -> list[Dot]:
    """Return the models that no other model beats on both cost and quality, the cheapest first."""
    front: list[Dot] = []
    for dot in sorted(dots, key=lambda d: (d.x, d.y)):
        if not front or dot.y < front[-1].y:
            front.append(dot)
    return front


def scatter(
    dots: Sequence[Dot],
    label: str,
    x_title: str,
    y_title: str,
    x_label: Label,
    y_label: Label,
    *,
    choices: tuple[float, ...] = (),
    x_unit: str = "",
) -> Markup:
    """Return the chart; x is logarithmic where it spans much, the front is a stepped line, towards the lower left.

    ``x_unit`` is for the table of its numbers, which stand there without one.
    """
    ys = [v for d in dots for v in (d.y, d.low, d.high)]
    plot = frame(_roomy([d.x for d in dots]), ys, Margins(right=22), log_x=None, choices_x=choices)
    parts: list[Markup] = plot.axes(x_title, y_title, x_label, y_label)
    front = pareto(dots)
    if len(front) > 1:
        parts.append(svg.path(_steps(plot, front), "front"))
    labels = Labels((plot.left, 0, plot.width - 2, plot.bottom))
    if len(front) > 1:
        labels.boxes += [_thick(*ends) for ends in pairwise(_steps(plot, front))]
    for dot in dots:
        if dot.low is not None and dot.high is not None:
            whisker = svg.line(plot.x(dot.x), plot.y(dot.low), plot.x(dot.x), plot.y(dot.high), "whisker")
            parts.append(svg.of_model(dot.index, whisker))
            labels.boxes.append((plot.x(dot.x) - 3, plot.y(dot.high), plot.x(dot.x) + 3, plot.y(dot.low)))
        labels.take(plot.x(dot.x), plot.y(dot.y), 6)
    names = brief([dot.name for dot in dots])
    for dot in sorted(dots, key=lambda d: d.y):
        x, y = plot.x(dot.x), plot.y(dot.y)
        said = f"{dot.name}: {x_label(dot.x)}, {y_label(dot.y)}"
        parts.append(svg.marker(dot.index, x, y, said))
        name = names[dot.name]
        ends = [plot.y(end) for end in (dot.high, dot.low) if end is not None]
        tx, ty, anchor = labels.place(x, y, 6.6 * len(name), ends)
        parts.append(svg.of_model(dot.index, svg.text(tx, ty, name, "name", anchor)))
    series = [svg.Series(d.name, svg.hue(d.index), ((d.x,), (d.y,), (d.low,), (d.high,))) for d in dots]
    data = svg.Data((f"{x_title} ({x_unit})" if x_unit else x_title, y_title, "low", "high"), series)
    return svg.drawing(plot.width, plot.height, label, parts, data=data)


def cloud(
    dots: Sequence[Dot],
    best: Dot,
    label: str,
    x_title: str,
    y_title: str,
    x_label: Label,
    y_label: Label,
    *,
    log: bool | None = None,
) -> Markup:
    """Return the settings of one model as small marks, and the best as a large one. They have no intervals: these
    would not tell how certain the differences are, because all settings read the same text.
    """
    plot = frame([dot.x for dot in dots], [dot.y for dot in dots], Margins(right=22), log_x=log)
    parts: list[Markup] = plot.axes(x_title, y_title, x_label, y_label)
    for dot in dots:
        said, radius = f"{dot.name}: {y_label(dot.y)}", 6.5 if dot == best else 3.5
        parts.append(svg.marker(dot.index, plot.x(dot.x), plot.y(dot.y), said, radius))
    series = [svg.Series(dot.name, svg.hue(dot.index), ((dot.x,), (dot.y,))) for dot in dots]
    return svg.drawing(plot.width, plot.height, label, parts, data=svg.Data((x_title, y_title), series))


def _roomy(xs: Sequence[float]) -> list[float]:
    positive = [x for x in xs if x > 0]
    return [*xs, min(positive) / ROOM, max(positive) * ROOM] if positive and len(positive) == len(xs) else list(xs)


def _steps(plot: Frame, front: Sequence[Dot]) -> list[tuple[float, float]]:
    points = [(plot.x(front[0].x), plot.y(front[0].y))]
    for dot in front[1:]:
        points += [(plot.x(dot.x), points[-1][1]), (plot.x(dot.x), plot.y(dot.y))]
    return [*points, (plot.right, points[-1][1])]


def _thick(one: tuple[float, float], other: tuple[float, float]) -> Box:
    """The box around a piece of the front, so that names keep off it."""
    (x1, y1), (x2, y2) = one, other
    return min(x1, x2) - 4, min(y1, y2) - 4, max(x1, x2) + 4, max(y1, y2) + 4
