"""Attention in the story: what the last word of the running sentence looks at in one head, in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmcompare.report import numbers
from lmcompare.report.tokens import visible

SHOWN = 4  # words of the greatest weights that have a row; the others share one


@dataclass(frozen=True)
class Line:
    """A word that is looked at, with its numbers; several words share a line that has no numbers of single words."""

    word: str
    weight: float
    part: float
    product: float | None = None
    score: float | None = None
    value: float | None = None


@dataclass(frozen=True)
class LookedAt:
    """What a word looks at; ``stored`` is the ``attention`` of ``influences`` in examples.json."""

    stored: Mapping[str, Any]

    @property
    def head(self) -> str:
        """The name of the head."""
        return str(self.stored["head"])

    @property
    def additive(self) -> bool:
        """Whether query and key are added and not multiplied."""
        return bool(self.stored["additive"])

    @property
    def words(self) -> list[tuple[str, float]]:
        """Each word that is seen, with its weight."""
        return list(zip(map(visible, self.stored["words"]), self.stored["weights"], strict=True))

    @property
    def lines(self) -> list[Line]:
        """The words of the greatest weights, as in the sentence, and the others together."""
        weights, values = (np.array(self.stored[name]) for name in ("weights", "values"))
        parts = weights * values
        most = np.argsort(-weights, kind="stable")[:SHOWN]
        found = [
            Line(
                self.words[at][0],
                float(weights[at]),
                float(parts[at]),
                self.stored["products"][at],
                self.stored["scores"][at],
                float(values[at]),
            )
            for at in sorted(most.tolist())
        ]
        rest = np.delete(np.arange(len(weights)), most)
        if len(rest):
            name = numbers.plural(len(rest), "other word")
            found.append(Line(name, float(weights[rest].sum()), float(parts[rest].sum())))
        return found

    @property
    def mixed(self) -> float:
        """The sum of the weighted values."""
        return float(np.dot(self.stored["weights"], self.stored["values"]))

    @property
    def most(self) -> Line:
        """The word of the greatest weight."""
        return max((line for line in self.lines if line.score is not None), key=lambda line: line.weight)

    @property
    def raised(self) -> float:
        """The sum of e to the power of all scores, by which the softmax divides."""
        return float(np.exp(self.stored["scores"]).sum())


def mask(tokens: Sequence[str], looked: LookedAt | None) -> tuple[list[str], list[list[float | None]]]:
    """Return words, and for each as it looks at each: the weight, None for a word that the mask hides.

    Without stored weights, words that may be seen have the weight 0.
    """
    if looked is None:
        return list(tokens), [[0.0 if j <= i else None for j in range(len(tokens))] for i in range(len(tokens))]
    # the first word that looks is the beginning of the text
    rows = looked.stored["map"]
    names = list(tokens) if len(rows) == len(tokens) else ["<s>", *tokens]
    return names, rows
