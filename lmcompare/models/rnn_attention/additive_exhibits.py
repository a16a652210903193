"""What exhibits of additive attention share: its equation, and its worked lines."""

from __future__ import annotations

from collections.abc import Sequence

from lmcompare.model import FloatArray
from lmcompare.models.common import mathml as m


def equation(asks: str, answers: str, asking: str, below: str) -> str:
    """Return e, a and c as MathML.

    Parameters: ``asks`` and ``answers``, the letters of the state that looks and of those it looks at; ``asking``,
    the index of the first; ``below``, MathML of what k and j lie below.
    """
    i, j, k = m.name(asking), m.name("j"), m.name("k")

    def pair(letter: str, second: str) -> str:
        return m.sub(m.name(letter), m.row(i, second))

    def within(index: str) -> str:
        return m.total(m.row(index, below))

    score = m.row(
        *(pair("e", j), m.op("="), m.vector("v"), m.op("·"), m.name("tanh"), m.op("(")),
        *(m.vector("W"), m.sub(m.vector(asks), i), m.op("+"), m.vector("U"), m.sub(m.vector(answers), j), m.op(")")),
    )
    share = m.fraction(m.row(m.name("exp"), pair("e", j)), m.row(within(k), m.name("exp"), pair("e", k)))
    context = m.row(m.sub(m.vector("c"), i), m.op("="), within(j), pair("a", j), m.sub(m.vector(answers), j))
    return m.lines(score, m.row(pair("a", j), m.op("="), share), context)


def worked(words: Sequence[str], scores: FloatArray, weights: FloatArray) -> list[tuple[str, float]]:
    """Return the lines of scores and weights of the states after these words."""
    lines = [(f"e: how the state after '{word}' fits", float(e)) for word, e in zip(words, scores, strict=True)]
    return lines + [(f"a: its weight, '{word}'", float(a)) for word, a in zip(words, weights, strict=True)]
