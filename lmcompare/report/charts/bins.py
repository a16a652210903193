"""A figure of each model in several groups of tokens or documents, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from lmcompare.report.charts import svg
from lmcompare.report.charts.axes import WIDTH, Frame, Label, Margins, frame
from lmcompare.report.charts.lines import shortened
from lmcompare.report.charts.scales import Scale

REACH = 0.35


@dataclass(frozen=True)
class Series:
    """One model's figures, one a bin; None where a bin has none."""

    name: str
    index: int
    values: Sequence[float | None]
    low: Sequence[float | None]
    high: Sequence[float | None]


def bins(
    labels: Sequence[str],
    series: Sequence[Series],
    label: str,
    y_title: str,
    y_label: Label,
    joined_from: int | None = 0,
) -> Markup:
    """Return the chart: for each model a line through the bins, or marks only.

    The line starts at the bin ``joined_from``; bins before it, or all for None, are categories without an order.

    Whiskers are intervals; models are shifted a little so that they do not overlap.
    """
    room = (WIDTH - Margins().left - Margins().right) / max(1, len(labels))
    crowded = max(map(len, labels), default=0) * 6.2 > room  # the names alternate between two levels
    margins = Margins(bottom=24 + (14 if crowded else 0))
    low, high = _limits(series)
    every = [v if v is None else min(max(v, low), high) for s in series for v in (*s.values, *s.low, *s.high)]
    x = Scale((-0.5, len(labels) - 0.5), (margins.left, WIDTH - margins.right))
    plot = replace(frame((), every, margins), x=x)
    parts = plot.y_axis(y_title, y_label)
    parts.append(svg.line(plot.left, plot.bottom, plot.right, plot.bottom, "base"))
    for i, name in enumerate(labels):
        low = 14 if i % 2 and crowded else 0
        parts.append(svg.text(plot.x(i), plot.bottom + 16 + low, shortened(name, 20), "tick", "middle"))
    shift = min(9.0, 0.6 * room / max(1, len(series)))
    for k, one in enumerate(series):
        parts.append(_series(one, plot, labels, (k - (len(series) - 1) / 2) * shift, y_label, joined_from))
    return svg.drawing(plot.width, plot.height, label, parts)


def _limits(series: Sequence[Series]) -> tuple[float, float]:
    """The limits of the chart: the figures and a third of their range beyond; longer whiskers are cut."""
    known = [v for one in series for v in one.values if v is not None]
    if not known:
        return 0.0, 1.0
    room = (max(known) - min(known)) * REACH or abs(max(known)) or 1.0
    return max(min(known) - room, 0.0 if min(known) >= 0 else -float("inf")), max(known) + room


def _series(
    one: Series, plot: Frame, labels: Sequence[str], shift: float, y_label: Label, joined_from: int | None
) -> Markup:
    parts: list[Markup] = []
    if joined_from is not None:
        known = [(i, v) for i, v in enumerate(one.values) if v is not None and i >= joined_from]
        if len(known) > 1:
            parts.append(svg.path([(plot.x(i) + shift, plot.y(v)) for i, v in known], "line thin"))
    for i, value in enumerate(one.values):
        if value is None:
            continue
        low, high = one.low[i], one.high[i]
        x = plot.x(i) + shift
        title = f"{one.name}, {labels[i]}: {y_label(value)}"
        if low is not None and high is not None:
            ends = (min(max(plot.y(v), plot.top), plot.bottom) for v in (low, high))
            parts.append(svg.line(x, next(ends), x, next(ends), "whisker"))
            title += f" (95 %: {y_label(low)} to {y_label(high)})"
        parts.append(svg.marker(one.index, x, plot.y(value), title, 4))
    return svg.of_model(one.index, *parts)
