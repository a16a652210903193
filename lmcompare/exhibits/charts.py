"""Bars, lines, points in the plane, and words with their nearest words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lmcompare.exhibits.exhibit import Drawing, Exhibit, fill, unequal
from lmcompare.render import numbers
from lmcompare.render.charts.lines import Line, lines
from lmcompare.render.charts.points import points
from lmcompare.render.markdown import plain, table
from lmcompare.render.tokens import visible


@dataclass(frozen=True, kw_only=True)
class Bars(Exhibit):
    """Labelled amounts in one unit.

    Parameters
    ----------
    labels : tuple of str
        The name of each bar.
    values : tuple of float
        The amounts; bars of negative amounts extend to the left of zero.
    unit : str, default=""
        The unit of the amounts.
    """

    kind: ClassVar[str] = "bars"
    most: ClassVar[int] = 2_000
    labels: tuple[str, ...]
    values: tuple[float, ...]
    unit: str = ""

    def problem(self) -> str:
        return unequal(labels=self.labels, values=self.values)

    def draw(self) -> Drawing:
        """Draw a bar for each label, in the given order; bars of negative amounts extend to the left of zero."""
        low, high = min([0.0, *self.values]), max([0.0, *self.values])
        span = (high - low) or 1.0
        amounts = numbers.aligned(self.values)
        bars = [
            {
                "label": label,
                "value": value,
                "amount": amount,
                "left": 100 * (min(value, 0.0) - low) / span,
                "width": 100 * abs(value) / span,
            }
            for label, value, amount in zip(self.labels, self.values, amounts, strict=True)
        ]
        unit = f" ({plain(self.unit)})" if self.unit else ""
        rows = [[plain(visible(label)), amount] for label, amount in zip(self.labels, amounts, strict=True)]
        return Drawing(fill("bars", exhibit=self, bars=bars), markdown=table(["Label", f"Amount{unit}"], rows))


@dataclass(frozen=True, kw_only=True)
class Curve(Exhibit):
    """Lines over a common quantity, for example learning curves.

    Parameters
    ----------
    names : tuple of str
        The name of each line.
    x, y : tuple of tuples of float
        The coordinates of each line's points.
    x_axis, y_axis : str, default=""
        What the axes show, with the unit.
    """

    kind: ClassVar[str] = "curve"
    most: ClassVar[int] = 50_000
    names: tuple[str, ...]
    x: tuple[tuple[float, ...], ...]
    y: tuple[tuple[float, ...], ...]
    x_axis: str = ""
    y_axis: str = ""

    def problem(self) -> str:
        if wrong := unequal(names=self.names, x=self.x, y=self.y):
            return wrong
        for name, x, y in zip(self.names, self.x, self.y, strict=True):
            if wrong := unequal(x=x, y=y):
                return f"for '{name}' {wrong}"
        return ""

    def draw(self) -> Drawing:
        """Draw the lines, each named at its end."""
        given = [Line(name, i, x, y) for i, (name, x, y) in enumerate(zip(self.names, self.x, self.y, strict=True))]
        drawn = lines(given, self.title, self.x_axis, self.y_axis, numbers.tidy, numbers.tidy, "g", None)
        return Drawing(drawn, svg=drawn)


MOST = 600  # points; more would cover each other


@dataclass(frozen=True, kw_only=True)
class Map2D(Exhibit):
    """Labelled points in the plane.

    Parameters
    ----------
    labels : tuple of str
        The name of each point.
    x, y : tuple of float
        The coordinates.
    groups : tuple of str, default=()
        The group of each point, shown by its colour.
    """

    kind: ClassVar[str] = "map"
    most: ClassVar[int] = 20_000
    labels: tuple[str, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]
    groups: tuple[str, ...] = ()

    def problem(self) -> str:
        return unequal(labels=self.labels, x=self.x, y=self.y, groups=self.groups or self.labels)

    def draw(self) -> Drawing:
        """Draw the points, as many names as fit, and a key of the groups."""
        labels = [visible(label) for label in self.labels[:MOST]]
        drawn = points(labels, self.x[:MOST], self.y[:MOST], self.groups[:MOST], self.title)
        html = fill("map2d", exhibit=self, drawing=drawn, groups=list(dict.fromkeys(self.groups[:MOST])))
        return Drawing(html, svg=drawn)


OPEN = 6  # rows; further ones are folded


@dataclass(frozen=True, kw_only=True)
class Neighbours(Exhibit):
    """Words, the words nearest to each, and how similar they are.

    Parameters
    ----------
    words : tuple of str
        The words whose neighbours are shown.
    neighbours : tuple of tuples of str
        The nearest words of each word, the nearest first.
    similarities : tuple of tuples of float
        The cosine of each neighbour, from -1 to 1; 1 is the same direction.
    """

    kind: ClassVar[str] = "neighbours"
    most: ClassVar[int] = 20_000
    words: tuple[str, ...]
    neighbours: tuple[tuple[str, ...], ...]
    similarities: tuple[tuple[float, ...], ...]

    def problem(self) -> str:
        if wrong := unequal(words=self.words, neighbours=self.neighbours, similarities=self.similarities):
            return wrong
        for word, near, similarities in zip(self.words, self.neighbours, self.similarities, strict=True):
            if wrong := unequal(neighbours=near, similarities=similarities):
                return f"for '{word}' {wrong}"
            if any(abs(similarity) > 1 + 1e-6 for similarity in similarities):
                return f"a similarity of '{word}' is not a cosine: it is outside -1 … 1"
        return ""

    def draw(self) -> Drawing:
        """Draw a row for each word, the nearest word first, each with a bar for its similarity."""
        rows = [
            (word, list(zip(names, amounts, strict=True)))
            for word, names, amounts in zip(self.words, self.neighbours, self.similarities, strict=True)
        ]
        shown_open = OPEN if len(rows) > OPEN + 1 else len(rows)
        html = fill("neighbours", exhibit=self, rows=rows, shown_open=shown_open)
        said = [
            [plain(visible(word)), ", ".join(f"{plain(visible(name))} {amount:.2f}" for name, amount in near)]
            for word, near in rows[:shown_open]
        ]
        return Drawing(html, markdown=table(["Word", "Similar, with the cosine"], said, left=2))
