"""Labelled amounts in one unit."""

from __future__ import annotations

import math

from lmcompare.exhibits import Bars
from lmcompare.report import numbers
from lmcompare.report.kinds.rendering import Rendering, plain, table
from lmcompare.report.pages import fill
from lmcompare.report.tokens import visible


def render(exhibit: Bars) -> Rendering:
    """A bar a label, in the order given; negative amounts run to the left of zero."""
    known = [v for v in exhibit.values if math.isfinite(v)]
    low, high = min([0.0, *known]), max([0.0, *known])
    span = (high - low) or 1.0
    bars = [
        {
            "label": label,
            "value": value,
            "left": 100 * (min(value, 0.0) - low) / span if math.isfinite(value) else 0.0,
            "width": 100 * abs(value) / span if math.isfinite(value) else 0.0,
        }
        for label, value in zip(exhibit.labels, exhibit.values, strict=True)
    ]
    markdown = table(
        ("", plain(exhibit.unit) or "amount"),
        ((plain(visible(str(bar["label"]))), numbers.tidy(float(str(bar["value"])))) for bar in bars),
    )
    return Rendering(fill("kinds/bars", exhibit=exhibit, bars=bars), reading(exhibit), markdown)


def reading(exhibit: Bars) -> str:
    """Name the greatest amount and how it stands to the next."""
    known = sorted(
        ((v, visible(n)) for n, v in zip(exhibit.labels, exhibit.values, strict=True) if math.isfinite(v)),
        reverse=True,
    )
    if not known:
        return "There is no amount in it."
    unit = f" {exhibit.unit}" if exhibit.unit else ""
    said = f"“{known[0][1]}” has the most: {numbers.tidy(known[0][0])}{unit}"
    if len(known) > 1 and known[1][0] > 0:
        times = known[0][0] / known[1][0]
        much = "about as much" if times < 1.05 else f"{numbers.rough(times)} times as much"
        said += f", {much} as “{known[1][1]}”"
    return said + "."
