"""Typesets the formulas of plug-ins: LaTeX becomes MathML of which only harmless elements reach the page."""

from __future__ import annotations

import re
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
LONGEST = 20_000  # characters of MathML
LONGEST_LATEX = 5_000  # characters; the time to convert a formula grows with the square of its length


def typeset(latex: str) -> Markup | None:
    """Return a formula in display style as MathML.

    Parameters
    ----------
    latex : str
        The formula, as LaTeX writes it in math mode.

    Returns
    -------
    Markup or None
        MathML of the allowed elements and attributes only. None if the formula is longer than ``LONGEST_LATEX``,
        cannot be converted (because of unbalanced braces, for example), or makes an element that is not allowed.
    """
    if len(latex) > LONGEST_LATEX:
        return None
    try:
        return _rebuilt(convert_to_element(latex, display="block"))
    except Exception:  # the converter fails in many ways, RecursionError among them
        return None


def sanitised(source: str) -> Markup | None:
    """Return the formula rebuilt from allowed elements and attributes, or None if it is not MathML alone.

    Attributes outside the list (``href``, ``onclick``, ``style`` …) are dropped; an element outside it, a document
    type, a comment or broken XML refuses the whole formula.
    """
    if len(source) > LONGEST or "<!" in source or "<?" in source:
        return None
    # XML knows five names of characters; those of HTML become the characters themselves.
    named = re.sub(r"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9a-fA-F]+);)(\w+;)", lambda m: unescape(m[0]), source)
    try:
        root = ET.fromstring(named)
    except ET.ParseError:
        return None
    return _rebuilt(root) if _local(root.tag) == "math" else None


def _rebuilt(node: ET.Element) -> Markup | None:
    name = _local(node.tag)
    if name not in ELEMENTS:
        return None
    written = Markup("").join(
        Markup(' {}="{}"').format(key, value) for key, value in node.attrib.items() if key in ATTRIBUTES
    )
    parts = [escape(unescape(node.text or ""))]
    for child in node:
        inner = _rebuilt(child)
        if inner is None:
            return None
        parts += [inner, escape(unescape(child.tail or ""))]
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), written, Markup("").join(parts))


def _local(tag: str) -> str:
    return tag.removeprefix("{http://www.w3.org/1998/Math/MathML}")
