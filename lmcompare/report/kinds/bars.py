"""Draws labelled amounts as bars."""

from __future__ import annotations

from lmcompare.exhibits import Bars
from lmcompare.report import numbers
from lmcompare.report.kinds.rendering import Rendering
from lmcompare.report.markdown import plain, table
from lmcompare.report.templating import fill
from lmcompare.report.tokens import visible

MANY = 5  # bars; fewer need no sentence


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
    markdown = table(
        ("", plain(exhibit.unit) or "amount"),
        ((plain(visible(str(bar["label"]))), str(bar["amount"])) for bar in bars),
    )
    return Rendering(fill("kinds/bars", exhibit=exhibit, bars=bars), reading(exhibit), markdown)


def reading(exhibit: Bars) -> str:
    """Return a sentence on the greatest and the least amount; "" for few or sorted bars, which need none."""
    named = zip(exhibit.values, numbers.aligned(exhibit.values), exhibit.labels, strict=True)
    known = sorted((v, amount, visible(label)) for v, amount, label in named)
    if not known:
        return "It has no bars."
    ranked = [v for v, _, _ in known] in (list(exhibit.values), list(exhibit.values)[::-1])
    if len(known) < MANY or ranked or known[-1][1] == known[-2][1]:
        return ""
    unit = f" {exhibit.unit}" if exhibit.unit else ""
    said = f"Most: “{known[-1][2]}”, {known[-1][1]}{unit}"
    return f"{said}." if known[0][1] == known[1][1] else f"{said}; least: “{known[0][2]}”, {known[0][1]}."
