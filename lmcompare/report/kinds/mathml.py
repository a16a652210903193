"""Typesets the formulas of plug-ins: LaTeX becomes MathML of which only harmless elements reach the page."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from html import unescape

from latex2mathml.converter import convert_to_element
from markupsafe import Markup, escape

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
