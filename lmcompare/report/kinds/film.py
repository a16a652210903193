"""Draws the film of a training: the page moves its parts together, paper has the last moment."""

from __future__ import annotations

from lmcompare.exhibits import Heatmap, TrainingFilm
from lmcompare.report import numbers
from lmcompare.report.charts.labels import Labels
from lmcompare.report.charts.lines import shortened
from lmcompare.report.charts.scales import fit
from lmcompare.report.kinds import Rendering, heatmap
from lmcompare.report.markdown import plain, table
from lmcompare.report.templating import fill
from lmcompare.report.tokens import visible

WIDTH, HEIGHT = 560, 380  # of the plane of words, in pixels
LETTER = 7.0  # the width of a letter in pixels


def render(exhibit: TrainingFilm) -> Rendering:
    """Draw the attention maps as a heat map, the words in the plane, and the next words as bars."""
    last = len(exhibit.moments) - 1
    maps = Heatmap(
        title=exhibit.title,
        rows=exhibit.tokens,
        columns=exhibit.tokens,
        panels=exhibit.moments,
        values=exhibit.weights,
        row_axis="word that looks",
        column_axis="word that is looked at",
        opened=last,
    )
    to_x = fit([v for row in exhibit.x for v in row], (10, WIDTH - 10), log=False)
    to_y = fit([v for row in exhibit.y for v in row], (HEIGHT - 10, 10), log=False)
    at = [
        [(round(to_x(x), 1), round(to_y(y), 1)) for x, y in zip(xs, ys, strict=True)]
        for xs, ys in zip(exhibit.x, exhibit.y, strict=True)
    ]
    chances = [[(p, _chance(p)) for p in row] for row in exhibit.probabilities]
    html = fill(
        "kinds/film",
        title=exhibit.title,
        moments=exhibit.moments,
        last=last,
        maps=heatmap.render(maps).html,
        size=(WIDTH, HEIGHT),
        words=list(zip([visible(word) for word in exhibit.words], at[last], _names(exhibit, at[last]), strict=True)),
        next=list(zip([visible(word) for word in exhibit.next], chances[last], strict=True)),
        before=[visible(token) for token in exhibit.tokens],
        follows=visible(exhibit.follows),
        data={"moments": exhibit.moments, "at": at, "chances": chances},
    )
    return Rendering(html, _reading(exhibit), _markdown(exhibit))


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
