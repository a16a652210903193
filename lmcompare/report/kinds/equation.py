"""Draws a model's equation: typeset, in words, and worked with the trained model's own numbers."""

from __future__ import annotations

from lmcompare.exhibits import WorkedEquation
from lmcompare.report import numbers
from lmcompare.report.kinds import Rendering
from lmcompare.report.kinds.mathml import typeset
from lmcompare.report.markdown import plain, table
from lmcompare.report.templating import fill


def render(exhibit: WorkedEquation) -> Rendering:
    """Draw the equation (its source if it cannot be typeset), its meaning and the worked lines."""
    source = exhibit.equation.strip()
    html = fill("kinds/equation", exhibit=exhibit, formula=typeset(source), source=source)
    worked = ((plain(what), numbers.tidy(value)) for what, value in exhibit.lines)
    formula = f"```math\n{' '.join(source.split())}\n```"
    parts = [
        formula,
        plain(exhibit.saying),
        table((plain(exhibit.numbers), ""), worked) if exhibit.lines else "",
    ]
    return Rendering(html, markdown="\n\n".join(part for part in parts if part))
