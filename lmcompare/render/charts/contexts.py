"""Numbered points around a centre: one word's vectors in several contexts."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from lmcompare.render import numbers
from lmcompare.render.charts import svg
from lmcompare.render.charts.labels import Labels

WIDTH, HEIGHT, EDGE = 260.0, 220.0, 18.0
ONE_POINT = 9.0  # pixels; closer marks share a label


def numbered(
    points: Sequence[tuple[float, float]], titles: Sequence[str], reach: float, circle: float, index: int, label: str
) -> Markup:
    """Return the map of points 1 to n, in the colour of the model of this index, with their titles as tooltips.

    ``reach`` is the radius of the drawing, so that several have one scale; ``circle`` is that of the scale circle.
    """
    scale = (min(WIDTH, HEIGHT) / 2 - EDGE) / reach
    at = [(WIDTH / 2 + scale * x, HEIGHT / 2 - scale * y) for x, y in points]
    parts = [svg.element("circle", cx=WIDTH / 2, cy=HEIGHT / 2, r=scale * circle, class_="ring")]
    labels = Labels((2, 2, WIDTH - 2, HEIGHT - 2))
    groups = _together(at)
    for group in groups:
        labels.take(*at[group[0]], 6)
    names = []
    for group in groups:
        x, y = at[group[0]]
        title = "; ".join(f"{i + 1}: {titles[i]}" for i in group)
        parts.append(svg.marker(index, x, y, title))
        name = ranges([i + 1 for i in group])
        tx, ty, anchor = labels.place(x, y, 7.0 * len(name))
        names.append(svg.of_model(index, svg.text(tx, ty, name, "name", anchor)))
    return svg.drawing(WIDTH, HEIGHT, label, [*parts, *names])


def _together(at: Sequence[tuple[float, float]]) -> list[list[int]]:
    groups: list[list[int]] = []
    for i, (x, y) in enumerate(at):
        for group in groups:
            gx, gy = at[group[0]]
            if abs(gx - x) < ONE_POINT and abs(gy - y) < ONE_POINT:
                group.append(i)
                break
        else:
            groups.append([i])
    return groups


def ranges(increasing: Sequence[int]) -> str:
    """Return increasing numbers with ranges: "1–3, 5"."""
    return ", ".join(
        f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in numbers.runs(increasing)
    )
