"""A training, moment by moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lmcompare.exhibits.exhibit import Exhibit, unequal
from lmcompare.exhibits.heatmap import Panels

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, kw_only=True)
class TrainingFilm(Exhibit):
    """An attention map, words in the plane and the probabilities of next words, at F moments of a training.

    Parameters
    ----------
    moments : tuple of str
        The name of each moment, in the order of the training.
    tokens : tuple of str
        The T words of the attention map.
    weights : tuple
        Moment, word that looks, word that is looked at: the attention weight, or None for a word that is hidden.
    words : tuple of str
        The W words in the plane.
    x, y : tuple
        Moment, word: the coordinates.
    next : tuple of str
        The K words that may follow.
    probabilities : tuple
        Moment, next word: its probability.
    follows : str, default=""
        The word that follows in the text.
    """

    kind: ClassVar[str] = "film"
    most: ClassVar[int] = 100_000
    moments: tuple[str, ...]
    tokens: tuple[str, ...]
    weights: Panels
    words: tuple[str, ...]
    x: Rows
    y: Rows
    next: tuple[str, ...]
    probabilities: Rows
    follows: str = ""

    def problem(self) -> str:
        """Return which part does not have the shape of its labels, or which number is not a share."""
        if not self.moments:
            return "it has no moments"
        parts = {"weights": self.weights, "x": self.x, "y": self.y, "probabilities": self.probabilities}
        if wrong := unequal(moments=self.moments, **parts):
            return wrong
        size = len(self.tokens)
        if any(len(map_) != size or any(len(row) != size for row in map_) for map_ in self.weights):
            return f"a map of weights must be of {size} by {size} words"
        for name, rows, labels in (
            ("x", self.x, self.words),
            ("y", self.y, self.words),
            ("probabilities", self.probabilities, self.next),
        ):
            if any(len(row) != len(labels) for row in rows):
                return f"{name} does not have {len(labels)} numbers at each moment"
        shares = [*(value for map_ in self.weights for row in map_ for value in row if value is not None)]
        shares += [value for row in self.probabilities for value in row]
        if any(not 0 <= value <= 1 for value in shares):
            return "a weight or a probability is outside 0 … 1"
        return ""
