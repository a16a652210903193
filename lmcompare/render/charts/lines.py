"""Lines over a shared x, each named where it ends."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from lmcompare.render.charts import svg
from lmcompare.render.charts.axes import Label, Margins, frame, spread
from lmcompare.render.charts.labels import Labels, Place
from lmcompare.render.titles import short_titles

FAR = 20  # pixels between the end of a line and its name
NEXT = 5  # pixels between places along a line that names keep free
WIDTH = 7.2  # pixels of a letter


@dataclass(frozen=True)
class Line:
    """One line: ``index`` gives colour and mark; ``note`` says more of it where its numbers are listed.

    A ``level`` is a dashed line to compare others with, which has a name and no mark.
    """

    name: str
    index: int
    x: Sequence[float]
    y: Sequence[float]
    note: str = ""
    level: bool = False


End = tuple[Line, float, float]  # a line and where it ends


def lines(
    given: Sequence[Line],
    label: str,
    x_title: str,
    y_title: str,
    x_label: Label,
    y_label: Label,
    family: str = "m",
    log_x: bool | None = False,
) -> Markup:
    """Return the chart; points that are not finite are left out, a line of one point is drawn as its mark.

    ``log_x`` as ``log`` of ``fit``.
    """
    names = brief([one.name for one in given])
    room = 26 + WIDTH * max((len(names[one.name]) for one in given), default=0)
    xs, ys = [v for one in given for v in one.x], [v for one in given for v in one.y]
    plot = frame(xs, ys, Margins(right=min(room, 150)), log_x=log_x)
    parts: list[Markup] = plot.axes(x_title, y_title, x_label, y_label)
    ends: list[End] = []
    labels = Labels((plot.left, plot.top, plot.right, plot.bottom))
    for one in given:
        points = [(plot.x(x), plot.y(y)) for x, y in zip(one.x, one.y, strict=True) if x == x and y == y]
        if not points:
            continue
        if len(points) > 1:
            title = svg.element("title", one.name)
            drawn = svg.path(points, "line level" if one.level else "line")
            parts.append(svg.of_model(one.index, title, drawn, family=family))
        ends.append((one, *points[-1]))
        for x, y in _along(points):
            labels.take(x, y, 3)
    within, ends = _named_within(ends, names, labels, plot.right)
    for one, x, y, (at_x, at_y, anchor) in within:
        parts.append(svg.marker(one.index, x, y, _said(one, x_label, y_label), 4, family))
        parts.append(svg.of_model(one.index, svg.text(at_x, at_y, names[one.name], "name", anchor), family=family))
    heights = spread([y for _, _, y in ends], 15, plot.top, plot.bottom)
    if any(abs(at - y) > FAR for (*_, y), at in zip(ends, heights, strict=True)):  # many end at one place: a legend
        step = min(17, (plot.bottom - plot.top) / len(ends))
        ends = [(one, plot.right + 12, plot.top + step * (n + 0.5)) for n, (one, *_) in enumerate(ends)]
        heights = [y for *_, y in ends]
    for (one, x, y), at in zip(ends, heights, strict=True):
        if not one.level:
            parts.append(svg.marker(one.index, x, y, _said(one, x_label, y_label), 4, family))
        if x < plot.right:
            parts.append(svg.path([(x + 5, y), (plot.right + 6, at)], "leader"))
        name = svg.text(max(x, plot.right) + 9, at + 4, names[one.name], "name")
        parts.append(svg.of_model(one.index, name, family=family))
    series = [
        svg.Series(f"{one.name}, {one.note}" if one.note else one.name, svg.hue(one.index, family), (one.x, one.y))
        for one in given
    ]
    data = svg.Data((x_title, y_title), series, plot.x, plot.y) if series else None
    return svg.drawing(plot.width, plot.height, label, parts, data=data)


def _said(one: Line, x_label: Label, y_label: Label) -> str:
    return f"{one.name}: {y_label(one.y[-1])} at {x_label(one.x[-1])}"


def _along(points: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Yield places along a line, close to one another."""
    yield points[0]
    for (x, y), (to_x, to_y) in pairwise(points):
        steps = max(1, round(math.hypot(to_x - x, to_y - y) / NEXT))
        yield from ((x + (to_x - x) * k / steps, y + (to_y - y) * k / steps) for k in range(1, steps + 1))


def _named_within(
    ends: Sequence[End], names: Mapping[str, str], labels: Labels, right: float
) -> tuple[list[tuple[Line, float, float, Place]], list[End]]:
    """Return the ends beside which there is room for the name, each with its place, and the others.

    A name at the right edge would need a stroke from the end of its line, which crosses other lines.
    """
    within, others = [], []
    for one, x, y in ends:
        early = x < right - FAR and not one.level
        place = labels.place_free(x, y, WIDTH * len(names[one.name])) if early else None
        if place:
            within.append((one, x, y, place))
        else:
            others.append((one, x, y))
    return within, others


def brief(names: Sequence[str]) -> dict[str, str]:
    """Return by name the label of a mark: its short title, cut if it is long."""
    return dict(zip(names, map(shortened, short_titles(names)), strict=True))


def shortened(name: str, limit: int = 24) -> str:
    """Return the name, cut in its middle if it is long."""
    return name if len(name) <= limit else f"{name[: limit // 2]}…{name[-(limit // 2 - 1) :]}"
