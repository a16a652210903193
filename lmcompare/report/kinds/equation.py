"""Draws a model's equation: typeset, in words, and worked with the trained model's own numbers."""

from __future__ import annotations

from lmcompare.exhibits import WorkedEquation
from lmcompare.report import numbers
from lmcompare.report.kinds.mathml import sanitised, typeset
from lmcompare.report.kinds.rendering import Rendering
from lmcompare.report.markdown import plain, table
from lmcompare.report.templating import fill


def render(exhibit: WorkedEquation) -> Rendering:
    """Draw the equation (its source if it cannot be typeset), its meaning and the worked lines."""
    source = exhibit.equation.strip()
    formula, code = typeset(source), f"```math\n{' '.join(source.split())}\n```" if source else ""
    if source.startswith("<math"):
        formula, source = sanitised(source), exhibit.plain.strip()
        code = f"`{source.replace('`', chr(0x2BC))}`" if source else ""
    html = fill("kinds/equation", exhibit=exhibit, formula=formula, source=source)
    worked = ((plain(what), numbers.tidy(value)) for what, value in exhibit.lines)
    parts = [code, plain(exhibit.saying), table(("worked with its own numbers", ""), worked) if exhibit.lines else ""]
    return Rendering(html, "", "\n\n".join(part for part in parts if part))  # the meaning and the lines read it
