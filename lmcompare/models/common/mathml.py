"""Presentation MathML, piece by piece, for the worked equations."""

from __future__ import annotations

from xml.sax.saxutils import escape


def name(text: str) -> str:
    """A variable."""
    return f"<mi>{escape(text)}</mi>"


def vector(text: str) -> str:
    """A vector or matrix: a bold variable."""
    return f'<mi mathvariant="bold">{escape(text)}</mi>'


def op(text: str) -> str:
    """An operator, a bracket or a relation."""
    return f"<mo>{escape(text)}</mo>"


def row(*parts: str) -> str:
    """Parts side by side."""
    return f"<mrow>{''.join(parts)}</mrow>"


def sub(base: str, below: str) -> str:
    """A subscript."""
    return f"<msub>{base}{below}</msub>"


def sup(base: str, above: str) -> str:
    """A superscript."""
    return f"<msup>{base}{above}</msup>"


def fraction(over: str, under: str) -> str:
    """A fraction."""
    return f"<mfrac>{over}{under}</mfrac>"


def root(inside: str) -> str:
    """A square root."""
    return f"<msqrt>{inside}</msqrt>"


def total(over: str) -> str:
    """A sum over an index."""
    return f"<munder>{op('∑')}{over}</munder>"


def lines(*each: str) -> str:
    """The whole: equations one below the other."""
    table = "".join(f"<mtr><mtd>{one}</mtd></mtr>" for one in each)
    return f'<math display="block"><mtable columnalign="left" rowspacing="0.6em">{table}</mtable></math>'
