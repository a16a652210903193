"""Draws labelled amounts as bars."""

from __future__ import annotations

from lmcompare.exhibits import Bars
from lmcompare.report import numbers
from lmcompare.report.kinds import Rendering
from lmcompare.report.templating import fill


def render(exhibit: Bars) -> Rendering:
    """Draw a bar for each label, in the given order; bars of negative amounts extend to the left of zero."""
    low, high = min([0.0, *exhibit.values]), max([0.0, *exhibit.values])
    span = (high - low) or 1.0
    amounts = numbers.aligned(exhibit.values)
    bars = [
        {
            "label": label,
            "value": value,
            "amount": amount,
            "left": 100 * (min(value, 0.0) - low) / span,
            "width": 100 * abs(value) / span,
        }
        for label, value, amount in zip(exhibit.labels, exhibit.values, amounts, strict=True)
    ]
    return Rendering(fill("kinds/bars", exhibit=exhibit, bars=bars))
