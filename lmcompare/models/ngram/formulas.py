"""The terms that the equations of the smoothing methods have in common, as MathML."""

from __future__ import annotations

from lmcompare.models.common import mathml as m


def of(name: str, *inside: str) -> str:
    """A function of something: name ( inside )."""
    return m.row(name, m.op("("), *inside, m.op(")"))


W, V, H = m.name("w"), m.name("v"), m.name("h")
SHORTER = m.sup(H, m.op("′"))
PROBABILITY = of(m.name("P"), W, m.op("|"), H)
LOWER = of(m.name("P"), W, m.op("|"), SHORTER)
COUNT = of(m.name("c"), H, W)
TOTAL = m.row(m.total(V), of(m.name("c"), H, V))
TYPES = of(m.name("T"), H)
