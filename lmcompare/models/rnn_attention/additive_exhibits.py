"""The equation of additive attention and its worked lines, shared by two models."""

from __future__ import annotations

from collections.abc import Sequence

from lmcompare.exhibits import latex_lines
from lmcompare.model import FloatArray


def equation(state: str, attended: str, index: str, limit: str) -> str:
    """Return the score e, the weight a and the context vector c, in LaTeX.

    Parameters
    ----------
    state, attended : str
        The letters of the state that attends and of the states it attends to.
    index : str
        The index of the attending state.
    limit : str
        The bound of j, for example ``"< i"``.
    """
    return latex_lines(
        rf"e_{{{index}j}} &= \mathbf{{v}} \cdot \tanh(\mathbf{{W}} \mathbf{{{state}}}_{index}"
        rf" + \mathbf{{U}} \mathbf{{{attended}}}_j)",
        rf"a_{{{index}j}} &= \frac{{\exp(e_{{{index}j}})}}{{\sum_{{k {limit}}} \exp(e_{{{index}k}})}}",
        rf"\mathbf{{c}}_{index} &= \sum_{{j {limit}}} a_{{{index}j}} \mathbf{{{attended}}}_j",
    )


def worked(words: Sequence[str], scores: FloatArray, weights: FloatArray) -> list[tuple[str, float]]:
    """Return the worked lines of the scores and weights of the states after these words."""
    lines = [(f"e: the score of the state after '{word}'", float(e)) for word, e in zip(words, scores, strict=True)]
    return lines + [(f"a: the weight of '{word}'", float(a)) for word, a in zip(words, weights, strict=True)]
