"""SVG, an element at a time; whatever comes from the text is escaped on its way in."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup, escape

from lmcompare.render.charts.scales import Scale
from lmcompare.render.palette import COLOURS, style_sheet

Child = str | Markup
HUES = {family: sum(n[0] == family and n[1:].isdigit() for n in COLOURS) for family in "mg"}
SHAPES: tuple[tuple[tuple[float, float], ...], ...] = (
    (),  # a circle
    ((-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)),
    ((0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0)),
    ((0, -1.2), (1.15, 0.85), (-1.15, 0.85)),
    ((0, 1.2), (1.15, -0.85), (-1.15, -0.85)),
    ((-1.2, -0.5), (1.2, -0.5), (1.2, 0.5), (-1.2, 0.5)),
    ((0, -1.2), (1.14, -0.37), (0.7, 0.97), (-0.7, 0.97), (-1.14, -0.37)),
)


@dataclass(frozen=True)
class Series:
    """A line or a mark of a chart: its name, the class of its colour, and its columns, equally long."""

    name: str
    hue: str
    columns: Sequence[Sequence[float | None]]


@dataclass(frozen=True)
class Data:
    """The numbers of a chart, which the page offers as CSV.

    Parameters
    ----------
    columns : sequence of str
        What the columns of each series are; the first is x and the second y, if there are scales.
    series : sequence of Series
    x, y : Scale or None
        Those of a chart of lines: the page then shows all lines at the x that a reader points at.
    """

    columns: Sequence[str]
    series: Sequence[Series]
    x: Scale | None = None
    y: Scale | None = None

    def __str__(self) -> str:
        lines = [[s.name, s.hue, *([_short(v) for v in column] for column in s.columns)] for s in self.series]
        scales = [[*s.domain, *s.pixels, int(s.log)] for s in (self.x, self.y) if s is not None]
        found = {"columns": list(self.columns), "series": lines, "scales": scales}
        return json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _short(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def element(name: str, *children: Child, **attributes: object) -> Markup:
    """Return ``<name a="b">children</name>``.

    A child that is not ``Markup`` is text and is escaped, as are the attributes' values. ``class_`` becomes
    ``class``, other underscores for hyphens; an attribute that is None is left out; numbers have two decimals.
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _value(value))
        for key, value in attributes.items()
        if value is not None
    )
    inside = Markup("").join(escape(child) for child in children)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), written, inside)


def drawing(
    width: float, height: float, label: str, children: Iterable[Child], class_: str = "", data: Data | None = None
) -> Markup:
    """Return an ``<svg>`` that scales with its column; ``label`` is its text for screen readers."""
    size = f"0 0 {_value(width)} {_value(height)}"
    inside = Markup("\n").join(map(escape, children))
    numbers = Markup("") if data is None else Markup(' data-numbers="{}"').format(str(data))
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" class="chart {}" viewBox="{}" style="max-width:{}px" '
        'role="img" aria-label="{}"{}>{}</svg>'
    ).format(class_, size, _value(1.25 * width), label, numbers, inside)


_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PAPER = "<rect class='paper' width='100%' height='100%'/>"


def standalone(svg: Markup) -> str:
    """Return the drawing as a file of its own: with the style sheet of the charts, in light and in dark.

    Characters that XML does not have, which texts may have, become U+FFFD.
    """
    start, _, rest = svg.partition(">")
    style = style_sheet() + files("lmcompare.report").joinpath("assets", "charts.css").read_text("utf-8")
    return _NOT_XML.sub("\ufffd", f"{start}><style>{style}</style>{_PAPER}{rest}\n")


def is_standalone(path: Path) -> bool:
    """Return whether a file is a drawing that ``standalone`` has made."""
    return path.is_file() and not path.is_symlink() and _PAPER.encode() in path.read_bytes()


def text(x: float, y: float, content: str, class_: str, anchor: str = "start") -> Markup:
    """Return a line of text; ``anchor`` is start, middle or end."""
    return element("text", content, x=x, y=y, text_anchor=anchor if anchor != "start" else None, class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """Return a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def path(points: Iterable[tuple[float, float]], class_: str) -> Markup:
    """Return a line through the points."""
    return element("path", d="M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points), class_=class_)


def marker(
    index: int,
    x: float,
    y: float,
    title: str = "",
    radius: float = 5.0,
    family: str = "m",
    *,
    hollow: bool = False,
) -> Markup:
    """Return the mark of the model of that number: its own shape besides its own colour, with a text on hovering.

    ``hollow``: whether it is drawn as an outline. ``family`` "g" is for the groups within an exhibit, which must not
    look like models.
    """
    corners = SHAPES[index % len(SHAPES)]
    shape = _polygon(x, y, corners, radius) if corners else element("circle", cx=x, cy=y, r=radius)
    said = [element("title", title)] if title else []
    return of_model(index, *said, shape, family=family, class_="mark hollow " if hollow else "mark ")


def of_model(index: int, *children: Child, family: str = "m", class_: str = "") -> Markup:
    """Return a group in the colour of the model of this index; ``class_`` precedes its class."""
    number = {"data_model": index} if family == "m" else {}
    return element("g", *children, class_=class_ + hue(index, family), **number)


def hue(index: int, family: str = "m") -> str:
    """Return the class that gives an element the colour of the model of that number; they come round again."""
    return f"{family} {family}{index % HUES[family]}"


def _polygon(x: float, y: float, corners: Iterable[tuple[float, float]], radius: float) -> Markup:
    return element("polygon", points=" ".join(f"{x + radius * a:.1f},{y + radius * b:.1f}" for a, b in corners))


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".") or "0"
    return str(value)
