"""A curve on logarithmic axes with the power law that was fitted to it."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from lmcompare.render.charts import svg
from lmcompare.render.charts.axes import HEIGHT, WIDTH, Frame, Label, Margins
from lmcompare.render.charts.scales import fit


def law(
    curve: Sequence[tuple[float, float]],
    fitted: Sequence[tuple[float, float]],
    label: str,
    x_title: str,
    y_title: str,
    formula: str,
    number: Label,
) -> Markup:
    """Return the chart: the curve as dots, and the law as a line from the first to the last point of ``fitted``.

    ``formula`` is written beside the middle of the law; without ``fitted`` it is left out.
    """
    margins = Margins()
    xs, ys = ([point[axis] for point in (*curve, *fitted)] for axis in (0, 1))
    x = fit(xs, (margins.left, WIDTH - margins.right), log=True, pad=0.02)
    y = fit(ys, (HEIGHT - margins.bottom, margins.top), log=True, pad=0.04)
    plot = Frame(WIDTH, HEIGHT, x, y, margins)
    parts: list[Markup] = plot.axes(x_title, y_title, number, number)
    if fitted:
        drawn = svg.path([(x(a), y(b)) for a, b in fitted], "line")
        parts.append(svg.of_model(1, svg.element("title", formula), drawn, family="g"))
    parts += [svg.marker(0, x(a), y(b), f"{number(a)}: {number(b)}", 3, "g") for a, b in curve if a > 0 and b > 0]
    if fitted:
        (first, high), (last, low) = fitted[0], fitted[-1]
        falls = low < 0.99 * high
        at = x((first * last) ** 0.5) + (10 if falls else -10), y((high * low) ** 0.5) - 8
        anchor = "start" if falls else "end"
        parts.append(svg.of_model(1, svg.text(*at, formula, "name", anchor), family="g"))
    xs, ys = ([point[axis] for point in curve] for axis in (0, 1))
    data = svg.Data((x_title, y_title), [svg.Series(label, svg.hue(0, "g"), (xs, ys))], x, y)
    return svg.drawing(plot.width, plot.height, label, parts, data=data)
