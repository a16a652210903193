"""A training, moment by moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lmcompare.exhibits.exhibit import Drawing, Exhibit, fill, unequal
from lmcompare.exhibits.heatmap import Heatmap, Panels
from lmcompare.render import numbers
from lmcompare.render.charts.labels import Labels
from lmcompare.render.charts.lines import shortened
from lmcompare.render.charts.scales import fit
from lmcompare.render.markdown import plain, table
from lmcompare.render.tokens import visible

WIDTH, HEIGHT = 560, 380  # of the plane of words, in pixels
LETTER = 7.0  # the width of a letter in pixels
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

    def draw(self) -> Drawing:
        """Draw the attention maps as a heat map, the words in the plane, and the next words as bars."""
        last = len(self.moments) - 1
        maps = Heatmap(
            title=self.title,
            rows=self.tokens,
            columns=self.tokens,
            panels=self.moments,
            values=self.weights,
            row_axis="word that looks",
            column_axis="word that is looked at",
            opened=last,
        )
        to_x = fit([v for row in self.x for v in row], (10, WIDTH - 10), log=False)
        to_y = fit([v for row in self.y for v in row], (HEIGHT - 10, 10), log=False)
        at = [
            [(round(to_x(x), 1), round(to_y(y), 1)) for x, y in zip(xs, ys, strict=True)]
            for xs, ys in zip(self.x, self.y, strict=True)
        ]
        chances = [[(p, _chance(p)) for p in row] for row in self.probabilities]
        html = fill(
            "film",
            title=self.title,
            moments=self.moments,
            last=last,
            maps=maps.draw().html,
            size=(WIDTH, HEIGHT),
            words=list(zip([visible(word) for word in self.words], at[last], _names(self, at[last]), strict=True)),
            next=list(zip([visible(word) for word in self.next], chances[last], strict=True)),
            before=[visible(token) for token in self.tokens],
            follows=visible(self.follows),
            data={"moments": self.moments, "at": at, "chances": chances},
        )
        return Drawing(html, _reading(self), _markdown(self))


def _names(exhibit: TrainingFilm, at: list[tuple[float, float]]) -> list[tuple[str, float, float, str] | None]:
    """Return the name of each word and its place beside the point, at the last moment; None where it does not fit."""
    places = Labels((0, 0, WIDTH, HEIGHT))
    for x, y in at:
        places.take(x, y, 3)
    found: list[tuple[str, float, float, str] | None] = []
    for word, (x, y) in zip(exhibit.words, at, strict=True):
        name = shortened(visible(word), 14)
        place = places.place_free(x, y, LETTER * len(name))
        found.append(None if place is None else (name, place[0] - x, place[1] - y, place[2]))
    return found


def _chance(probability: float) -> str:
    """Return a probability as percent; what is stored as 0 was rounded, since a softmax gives nothing 0."""
    return numbers.probability(probability) if probability else f"about 0{numbers.NBSP}%"


def _reading(exhibit: TrainingFilm) -> str:
    """Return how probable the word that follows becomes; "" if it is not among the next words."""
    if exhibit.follows not in exhibit.next:
        return ""
    k = exhibit.next.index(exhibit.follows)
    first, last = (_chance(exhibit.probabilities[i][k]) for i in (0, -1))
    word = visible(exhibit.follows)
    return f"The probability of “{word}”, the word that follows, is {first} at first and {last} at the end."


def _markdown(exhibit: TrainingFilm) -> str:
    """Return the probabilities of the next words at the first, the middle and the last moment."""
    shown = sorted({0, len(exhibit.moments) // 2, len(exhibit.moments) - 1})
    head = ("Next word", *(plain(exhibit.moments[i]) for i in shown))
    lines = (
        (plain(visible(word)), *(_chance(exhibit.probabilities[i][k]) for i in shown))
        for k, word in enumerate(exhibit.next)
    )
    return table(head, ((name, *map(plain, rest)) for name, *rest in lines))
