"""Worked equations, helpers to write LaTeX, and MathML of which only harmless elements reach the page."""

from __future__ import annotations

import re
import unicodedata
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from html import unescape
from typing import ClassVar

from markupsafe import Markup, escape

from lmcompare.exhibits.exhibit import Drawing, Exhibit, fill
from lmcompare.render import numbers
from lmcompare.render.markdown import plain, table

_COMMANDS = {  # for characters that LaTeX reads as commands
    "\\": r"\backslash",
    "^": r"\hat{}",
    "~": r"\sim",
    "<": r"\lt",
    ">": r"\gt",
    **{sign: f"\\{sign}" for sign in "{}%#$&_"},
}


def latex_text(words: str) -> str:
    r"""Return a LaTeX expression that shows any words as they are written.

    Parameters
    ----------
    words : str
        Any text, for example a token. White space becomes one space; characters that cannot be seen (control
        characters and marks that change the direction of writing) become U+FFFD.

    Returns
    -------
    str
        An expression in braces, to be used in math mode: ``"a_b"`` becomes ``{\text{a}\_\text{b}}``.
    """
    shown = "".join("\ufffd" if unicodedata.category(sign)[0] == "C" else sign for sign in " ".join(words.split()))
    parts = re.findall(r"[\\^~<>{}%#$&_]|[^\\^~<>{}%#$&_]+", shown)
    return "{" + "".join(_COMMANDS.get(part) or rf"\text{{{part}}}" for part in parts) + "}"


def latex_lines(*equations: str) -> str:
    r"""Return equations below each other, aligned at the ``&`` in each: ``latex_lines("a &= b", "c &= d")``."""
    return r"\begin{split} " + r" \\ ".join(equations) + r" \end{split}"


ELEMENTS = frozenset((
    "math", "mrow", "mi", "mn", "mo", "ms", "mtext", "mspace", "mfrac", "msqrt", "mroot", "mstyle", "merror",
    "mpadded", "mphantom", "msub", "msup", "msubsup", "munder", "mover", "munderover", "mmultiscripts",
    "mprescripts", "none", "mtable", "mtr", "mtd",
))  # fmt: skip
ATTRIBUTES = frozenset((
    "display", "displaystyle", "mathvariant", "stretchy", "fence", "separator", "form", "accent", "accentunder",
    "linethickness", "lspace", "rspace", "width", "height", "depth", "voffset", "columnalign", "rowalign",
    "columnspan", "rowspan", "columnspacing", "rowspacing", "largeop", "movablelimits", "minsize", "maxsize",
    "symmetric", "scriptlevel",
))  # fmt: skip
LONGEST = 5_000  # characters; the time to convert a formula grows with the square of its length


def typeset(latex: str) -> Markup | None:
    """Return a formula in display style as MathML.

    Parameters
    ----------
    latex : str
        The formula, as LaTeX writes it in math mode.

    Returns
    -------
    Markup or None
        MathML of the allowed elements and attributes only. None if the formula is longer than ``LONGEST``,
        cannot be converted (because of unbalanced braces, for example), or makes an element that is not allowed.
    """
    from latex2mathml.converter import convert_to_element  # reads its tables of signs

    if len(latex) > LONGEST:
        return None
    try:
        return _rebuilt(convert_to_element(latex, display="block"))
    except Exception:  # the converter fails in many ways, RecursionError among them
        return None


def _rebuilt(node: ET.Element) -> Markup | None:
    """Return an element with its allowed attributes, all text escaped; None if it has an element not allowed."""
    if node.tag not in ELEMENTS:
        return None
    written = Markup("").join(
        Markup(' {}="{}"').format(key, value) for key, value in node.attrib.items() if key in ATTRIBUTES
    )
    parts = [escape(unescape(node.text or ""))]  # the converter writes signs as character references
    for child in node:
        inner = _rebuilt(child)
        if inner is None:
            return None
        parts += [inner, escape(unescape(child.tail or ""))]
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(node.tag), written, Markup("").join(parts))


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
