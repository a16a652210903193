"""Charts of series: forecasts as fans around their medians, and values with their surprisal below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from lmcompare.render.charts import svg
from lmcompare.render.charts.axes import Frame, Label, Margins
from lmcompare.render.charts.scales import Scale, fit

WIDTH, HEIGHT = 330.0, 190.0
WIDE, TALL, BARS = 860.0, 300.0, 70.0  # width and height of the chart of surprisal, height of its bars


@dataclass(frozen=True)
class Fan:
    """A forecast: the places of its steps, the median, and the ends of its bands, the widest first."""

    index: int
    name: str
    x: Sequence[float]
    median: Sequence[float]
    bands: Sequence[tuple[Sequence[float], Sequence[float]]]


def fan(
    one: Fan, x: Sequence[float], values: Sequence[float], x_label: Label, y_label: Label, low: float, high: float
) -> Markup:
    """Return the chart of one forecast with the values before it and those that came; missing ones are not finite.

    ``low`` and ``high`` are the ends of the vertical axis, which charts side by side share.
    """
    margins = Margins(left=44, right=10, top=14, bottom=30)
    plot = Frame(WIDTH, HEIGHT, fit([*x, *one.x], (margins.left, WIDTH - margins.right), log=False, pad=0.01),
                 Scale((low, high), (HEIGHT - margins.bottom, margins.top)), margins)  # fmt: skip
    parts: list[Markup] = [*plot.y_axis("", y_label), *plot.x_axis("", x_label, 4)]
    for below, above in one.bands:
        edge = [(plot.x(a), _within(plot, b)) for a, b in zip(one.x, above, strict=True)]
        edge += [(plot.x(a), _within(plot, b)) for a, b in reversed(list(zip(one.x, below, strict=True)))]
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in edge)
        parts.append(svg.of_model(one.index, svg.element("polygon", points=points, class_="fan")))
    parts += _pieces(plot, x, values, "truth")
    median = [(plot.x(a), _within(plot, b)) for a, b in zip(one.x, one.median, strict=True)]
    parts.append(svg.of_model(one.index, svg.path(median, "line")))
    columns = [one.x, one.median, *(end for band in one.bands for end in band)]
    names = ["step", "median"]
    for percent in (95, 80, 50)[: len(one.bands)]:
        names += [f"{percent} % from", f"{percent} % to"]
    data = svg.Data(names, [svg.Series(one.name, svg.hue(one.index), columns)])
    return svg.drawing(
        WIDTH, HEIGHT, f"Forecast of {one.name} with bands, and the values that came", parts, data=data
    )


def surprise(
    x: Sequence[float],
    values: Sequence[float],
    nats: Sequence[float],
    index: int,
    name: str,
    x_label: Label,
    y_label: Label,
    marked: Sequence[int],
) -> Markup:
    """Return a line of values with bars of their surprisal below it; ``marked`` steps have a ring.

    ``nats`` are nats per step; the bars begin at the least of them.
    """
    margins = Margins(left=50, right=12, top=16, bottom=34 + BARS)
    across = fit(x, (margins.left, WIDE - margins.right), log=False, pad=0.01)
    known = [value for value in values if value == value]
    plot = Frame(WIDE, TALL, across, fit(known, (TALL - margins.bottom, margins.top), log=False), margins)
    parts: list[Markup] = plot.y_axis("", y_label)
    parts += _pieces(plot, x, values, "truth")
    charged = [value for value in nats if value == value]
    low, high = (min(charged), max(charged)) if charged else (0.0, 1.0)
    bottom = TALL - 30
    width = max(0.8, 0.7 * (WIDE - margins.left - margins.right) / max(1, len(x)))
    bars = []
    for place, value in zip(x, nats, strict=True):
        if value == value:
            height = max(0.6, (BARS - 12) * (value - low) / ((high - low) or 1.0))
            bars.append(
                svg.element(
                    "rect", x=across(place) - width / 2, y=bottom - height, width=width, height=height, class_="nats"
                )
            )
    parts.append(svg.of_model(index, *bars))
    parts.append(svg.line(margins.left, bottom, WIDE - margins.right, bottom, "base"))
    for tick in across.ticks(8):
        parts.append(svg.text(across(tick), TALL - 14, x_label(tick), "tick", "middle"))
    parts.append(svg.text(margins.left - 8, bottom - 2, f"{low:.1f}", "tick", "end"))
    parts.append(svg.text(margins.left - 8, bottom - BARS + 20, f"{high:.1f}", "tick", "end"))
    parts.append(svg.text(margins.left - 8, bottom - BARS / 2 + 9, "nats", "tick", "end"))
    for at in marked:
        parts.append(svg.element("circle", cx=across(x[at]), cy=plot.y(values[at]), r=6.0, class_="found"))
    data = svg.Data(["step", "value", "nats"], [svg.Series(name, svg.hue(index), (x, values, nats))])
    return svg.drawing(WIDE, TALL, f"Values, and below them the nats per step of {name}", parts, data=data)


def _within(plot: Frame, value: float) -> float:
    """Return the height of a value, within the plot."""
    return min(max(plot.y(value), plot.top), plot.bottom)


def _pieces(plot: Frame, x: Sequence[float], values: Sequence[float], class_: str) -> list[Markup]:
    """Return the line through values, with a gap where one is missing."""
    parts: list[Markup] = []
    piece: list[tuple[float, float]] = []
    for place, value in [*zip(x, values, strict=True), (0.0, float("nan"))]:
        if value == value:
            piece.append((plot.x(place), plot.y(value)))
            continue
        if len(piece) > 1:
            parts.append(svg.path(piece, class_))
        elif piece:
            parts.append(svg.element("circle", cx=piece[0][0], cy=piece[0][1], r=1.5, class_=class_))
        piece = []
    return parts
