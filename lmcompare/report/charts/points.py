"""Labelled points in the plane."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from lmcompare.report.charts import svg
from lmcompare.report.charts.lines import shortened
from lmcompare.report.charts.scales import fit


def points(
    labels: Sequence[str], x: Sequence[float], y: Sequence[float], groups: Sequence[str], label: str
) -> Markup:
    """Return the map: every point, and as many names as stand free of one another; the others show on hovering."""
    width, height = 720.0, 480.0
    to_x, to_y = fit(x, (14, width - 14), log=False), fit(y, (height - 14, 14), log=False)
    order = list(dict.fromkeys(groups))
    taken: list[tuple[float, float, float, float]] = []
    dots: list[Markup] = []
    names: list[Markup] = []
    for i, name in enumerate(labels):
        px, py = to_x(x[i]), to_y(y[i])
        index = order.index(groups[i]) if groups else 0
        says = f"{name} ({groups[i]})" if groups else name
        dots.append(svg.marker(index, px, py, says, 3.5, "g"))
        text = shortened(name, 16)
        long, left = 6.4 * len(text), px + 6 + 6.4 * len(text) > width - 2
        box = (px - 6 - long, py - 8, px, py + 6) if left else (px, py - 8, px + 6 + long, py + 6)
        if not any(box[0] < t[2] and t[0] < box[2] and box[1] < t[3] and t[1] < box[3] for t in taken):
            taken.append(box)
            drawn = svg.text(px - 6 if left else px + 6, py + 4, text, "name", "end" if left else "start")
            names.append(svg.element("g", drawn, class_=svg.hue(index, "g")))
    return svg.drawing(width, height, label, [*dots, *names], "map")
