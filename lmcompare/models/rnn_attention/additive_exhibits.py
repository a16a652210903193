"""What exhibits of additive attention share: its equation, and its worked lines."""

from __future__ import annotations

from collections.abc import Sequence

from lmcompare.exhibits import latex_lines
from lmcompare.model import FloatArray


def equation(state: str, attended: str, index: str, limit: str) -> str:
    """Return the score e, the weight a and the context vector c, in LaTeX.

    Parameters: ``state`` and ``attended``, the letters of the state that attends and of the states attended to;
    ``index``, the index of the first; ``limit``, the bound of j, for example ``< i``.
    """
    return latex_lines(
        rf"e_{{{index}j}} &= \mathbf{{v}} \cdot \tanh(\mathbf{{W}} \mathbf{{{state}}}_{index}"
        rf" + \mathbf{{U}} \mathbf{{{attended}}}_j)",
        rf"a_{{{index}j}} &= \frac{{\exp(e_{{{index}j}})}}{{\sum_{{k {limit}}} \exp(e_{{{index}k}})}}",
        rf"\mathbf{{c}}_{index} &= \sum_{{j {limit}}} a_{{{index}j}} \mathbf{{{attended}}}_j",
    )


def worked(words: Sequence[str], scores: FloatArray, weights: FloatArray) -> list[tuple[str, float]]:
    """Return the lines of scores and weights of the states after these words."""
    lines = [(f"e: how the state after '{word}' fits", float(e)) for word, e in zip(words, scores, strict=True)]
    return lines + [(f"a: its weight, '{word}'", float(a)) for word, a in zip(words, weights, strict=True)]
