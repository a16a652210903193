"""Measured points on logarithmic axes, with the laws that were fitted to them and the bands of their forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from lmcompare.render.charts import svg
from lmcompare.render.charts.axes import HEIGHT, WIDTH, Frame, Label, Margins, spread
from lmcompare.render.charts.lines import brief
from lmcompare.render.charts.scales import fit


@dataclass(frozen=True)
class Points:
    """The points of a model, joined by a line, and its forecast.

    Parameters
    ----------
    x, y : sequence of float
        The points, from the least to the greatest x.
    low, high : sequence of float
        The least and the greatest figure of the trainings of each point.
    forecast : sequence of tuple of four floats
        x, y and the ends of the band; empty without one.
    """

    name: str
    index: int
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    forecast: Sequence[tuple[float, float, float, float]] = ()


def growth(
    given: Sequence[Points],
    label: str,
    x_title: str,
    y_title: str,
    x_label: Label,
    y_label: Label,
    measured: float | None = None,
) -> Markup:
    """Return the chart; ``measured`` is the x up to which there are measurements, where forecasts begin."""
    names = brief([each.name for each in given])
    margins = Margins(right=min(150, 16 + 7.2 * max(map(len, names.values()), default=0)))
    xs = [x for each in given for x in (*each.x, *(point[0] for point in each.forecast))]
    ys = [y for each in given for y in (*each.y, *each.low, *each.high, *(v for p in each.forecast for v in p[1:]))]
    x = fit(xs, (margins.left, WIDTH - margins.right), log=True, pad=0.02)
    y = fit(ys, (HEIGHT - margins.bottom, margins.top), log=True, pad=0.04)
    plot = Frame(WIDTH, HEIGHT, x, y, margins)
    parts: list[Markup] = plot.axes(x_title, y_title, x_label, y_label)
    if measured is not None and any(each.forecast for each in given):
        parts.append(svg.line(x(measured), plot.top, x(measured), plot.bottom, "front"))
        parts.append(svg.text(x(measured) + 5, plot.top + 10, "forecast", "tick"))
    ends: list[tuple[Points, float, float]] = []
    for each in given:
        at = [(x(a), y(b)) for a, b in zip(each.x, each.y, strict=True)]
        drawn = [_band(plot, each)] if each.forecast else []
        drawn += [svg.path(at, "line")] if len(at) > 1 else []
        drawn += [
            svg.line(x(a), y(low), x(a), y(high), "whisker")
            for a, low, high in zip(each.x, each.low, each.high, strict=True)
            if high > low
        ]
        parts.append(svg.of_model(each.index, svg.element("title", each.name), *drawn))
        parts += [
            svg.marker(each.index, *place, f"{each.name}: {y_label(b)} at {x_label(a)}", 3.5)
            for place, a, b in zip(at, each.x, each.y, strict=True)
        ]
        last = each.forecast[-1][:2] if each.forecast else (each.x[-1], each.y[-1])
        ends.append((each, x(last[0]), y(last[1])))
    heights = spread([end for _, _, end in ends], 15, plot.top, plot.bottom)
    for (each, end, height), free in zip(ends, heights, strict=True):
        parts.append(svg.path([(end + 5, height), (plot.right + 6, free)], "leader"))
        parts.append(svg.of_model(each.index, svg.text(plot.right + 9, free + 4, names[each.name], "name")))
    series = [svg.Series(each.name, svg.hue(each.index), (each.x, each.y, each.low, each.high)) for each in given]
    columns = (x_title, y_title, "lowest training", "highest training")
    return svg.drawing(WIDTH, HEIGHT, label, parts, data=svg.Data(columns, series, x, y))


def _band(plot: Frame, each: Points) -> Markup:
    """Return the band of a forecast with the forecast in it."""
    above = [(plot.x(x), plot.y(high)) for x, _, _, high in each.forecast]
    below = [(plot.x(x), plot.y(low)) for x, _, low, _ in reversed(each.forecast)]
    corners = " ".join(f"{a:.1f},{b:.1f}" for a, b in (*above, *below))
    middle = svg.path([(plot.x(x), plot.y(y)) for x, y, _, _ in each.forecast], "line faint")
    return svg.element("g", svg.element("polygon", points=corners, class_="band"), middle)
