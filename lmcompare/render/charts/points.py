"""Labelled points in the plane."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from lmcompare.render.charts import svg
from lmcompare.render.charts.labels import Labels
from lmcompare.render.charts.lines import shortened
from lmcompare.render.charts.scales import fit


def points(
    labels: Sequence[str], x: Sequence[float], y: Sequence[float], groups: Sequence[str], label: str
) -> Markup:
    """Return the map: all points, and as many names as fit without overlap; the others are tooltips."""
    width, height = 720.0, 480.0
    to_x, to_y = fit(x, (14, width - 14), log=False), fit(y, (height - 14, 14), log=False)
    order = list(dict.fromkeys(groups))
    places = Labels((0, 0, width, height))
    at = [(to_x(a), to_y(b)) for a, b in zip(x, y, strict=True)]
    for px, py in at:
        places.take(px, py, 3.5)
    dots: list[Markup] = []
    names: list[Markup] = []
    for i, name in enumerate(labels):
        px, py = at[i]
        index = order.index(groups[i]) if groups else 0
        says = f"{name} ({groups[i]})" if groups else name
        dots.append(svg.marker(index, px, py, says, 3.5, "g"))
        text = shortened(name, 16)
        if (place := places.place_free(px, py, 6.4 * len(text))) is not None:
            drawn = svg.text(place[0], place[1], text, "name", place[2])
            names.append(svg.of_model(index, drawn, family="g"))
    series = [svg.Series(name, "", ((a,), (b,))) for name, a, b in zip(labels, x, y, strict=True)]
    return svg.drawing(width, height, label, [*dots, *names], "map", svg.Data(("x", "y"), series))
