"""Labelled amounts in one unit."""

from __future__ import annotations

import math

from lmcompare.exhibits import Bars
from lmcompare.report import numbers
from lmcompare.report.kinds.rendering import Rendering
from lmcompare.report.markdown import plain, table
from lmcompare.report.templating import fill
from lmcompare.report.tokens import visible

MANY = 5  # bars that a sentence reads


def render(exhibit: Bars) -> Rendering:
    """A bar a label, in the order given; negative amounts run to the left of zero."""
    known = [v for v in exhibit.values if math.isfinite(v)]
    low, high = min([0.0, *known]), max([0.0, *known])
    span = (high - low) or 1.0
    amounts = numbers.aligned(exhibit.values)
    bars = [
        {
            "label": label,
            "value": value,
            "amount": amount,
            "left": 100 * (min(value, 0.0) - low) / span if math.isfinite(value) else 0.0,
            "width": 100 * abs(value) / span if math.isfinite(value) else 0.0,
        }
        for label, value, amount in zip(exhibit.labels, exhibit.values, amounts, strict=True)
    ]
    markdown = table(
        ("", plain(exhibit.unit) or "amount"),
        ((plain(visible(str(bar["label"]))), str(bar["amount"])) for bar in bars),
    )
    return Rendering(fill("kinds/bars", exhibit=exhibit, bars=bars), reading(exhibit), markdown)


def reading(exhibit: Bars) -> str:
    """Name the greatest of many amounts and the least, if there is one; a few, or ranked ones, are read at once."""
    named = zip(exhibit.values, numbers.aligned(exhibit.values), exhibit.labels, strict=True)
    known = sorted((v, amount, visible(label)) for v, amount, label in named if math.isfinite(v))
    if not known:
        return "There is no amount in it."
    ranked = [v for v, _, _ in known] in (list(exhibit.values), list(exhibit.values)[::-1])
    if len(known) < MANY or ranked or known[-1][1] == known[-2][1]:
        return ""
    unit = f" {exhibit.unit}" if exhibit.unit else ""
    said = f"Most: “{known[-1][2]}”, {known[-1][1]}{unit}"
    return f"{said}." if known[0][1] == known[1][1] else f"{said}; least: “{known[0][2]}”, {known[0][1]}."
