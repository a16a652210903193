"""A model's equation: typeset, said in words, and worked with the trained model's own numbers."""

from __future__ import annotations

from lmcompare.exhibits import WorkedEquation
from lmcompare.report import numbers
from lmcompare.report.kinds.mathml import sanitised
from lmcompare.report.kinds.rendering import Rendering
from lmcompare.report.markdown import plain, table
from lmcompare.report.templating import fill


def render(exhibit: WorkedEquation) -> Rendering:
    """The formula (as plain text where its MathML is not fit to be shown), its saying and the worked lines."""
    html = fill("kinds/equation", exhibit=exhibit, formula=sanitised(exhibit.equation))
    code = f"`{exhibit.plain.replace('`', chr(0x2BC))}`" if exhibit.plain.strip() else ""
    worked = ((plain(what), numbers.tidy(value)) for what, value in exhibit.lines)
    parts = [code, plain(exhibit.saying), table(("worked with its own numbers", ""), worked) if exhibit.lines else ""]
    return Rendering(html, "", "\n\n".join(part for part in parts if part))  # its saying and lines read it
