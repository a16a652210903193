"""Worked equations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lmcompare.exhibits.exhibit import Drawing, Exhibit, fill
from lmcompare.exhibits.latex import typeset
from lmcompare.render import numbers
from lmcompare.render.markdown import plain, table


@dataclass(frozen=True, kw_only=True)
class WorkedEquation(Exhibit):
    """The equation of a model, its meaning in words, and the same equation with the trained model's own numbers.

    Parameters
    ----------
    equation : str
        The equation in LaTeX, in display style, without ``$`` signs. ``latex_lines`` puts several equations below
        each other; ``latex_text`` escapes a word for use in an equation.
    saying : str
        What the equation means, in one to three sentences.
    lines : tuple of (str, float), default=()
        Each quantity of the equation and its value.
    numbers : str, default="The same with the trained model's own numbers"
        What the values are.
    """

    kind: ClassVar[str] = "equation"
    most: ClassVar[int] = 2_000
    equation: str
    saying: str
    lines: tuple[tuple[str, float], ...] = ()
    numbers: str = "The same with the trained model's own numbers"

    def problem(self) -> str:
        """Return that the equation or its meaning is missing."""
        if self.equation.strip() and self.saying.strip():
            return ""
        return "it needs the equation, in LaTeX, and its meaning in words (saying)"

    def draw(self) -> Drawing:
        """Draw the equation (its source if it cannot be typeset), its meaning and the worked lines."""
        source = self.equation.strip()
        html = fill("equation", exhibit=self, formula=typeset(source), source=source)
        worked = ((plain(what), numbers.tidy(value)) for what, value in self.lines)
        formula = f"```math\n{' '.join(source.split())}\n```"
        parts = [
            formula,
            plain(self.saying),
            table((plain(self.numbers), ""), worked) if self.lines else "",
        ]
        return Drawing(html, markdown="\n\n".join(part for part in parts if part))
