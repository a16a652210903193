"""Context changes meaning: one word in several sentences, and where each model puts it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

from markupsafe import Markup

from lmcompare.analysis.scaling import classical_scaling
from lmcompare.report import numbers
from lmcompare.report.charts.contexts import numbered
from lmcompare.report.kinds.rendering import plain, table
from lmcompare.report.material import Material, Model, Section
from lmcompare.report.pages import fill
from lmcompare.report.tokens import visible

SHOWN_OPEN = 2  # words beyond these are folded
READ, UNREAD = 90, 50  # characters of a sentence shown before and after the word
STILL = 1e-3  # a word that moves less than this has one vector
UNRELATED = math.sqrt(2)  # how far apart vectors of distance 1 lie on the unit sphere


@dataclass(frozen=True)
class Context:
    """A place where the word stands: the text before it, the word, the text after it, and where that is from."""

    before: str
    word: str
    after: str
    source: str

    @property
    def said(self) -> str:
        """The text up to the word, for a narrow place."""
        return visible(f"{self.before}{self.word}"[-60:].strip())


@dataclass(frozen=True)
class Placed:
    """A model's vectors of the word: ``distances`` (n, n), 0 for one direction, 1 as far as two tokens on average."""

    model: Model
    distances: Sequence[Sequence[float]]

    @cached_property
    def pairs(self) -> list[tuple[float, int, int]]:
        """(distance, i, j) of every two contexts, the nearest first."""
        return sorted((self.distances[i][j], i, j) for i, j in combinations(range(len(self.distances)), 2))

    @property
    def mean(self) -> float:
        """The mean distance of two contexts."""
        return sum(d for d, _, _ in self.pairs) / len(self.pairs)

    @property
    def moves(self) -> bool:
        """Does the word have another vector in another context?"""
        return self.pairs[-1][0] > STILL

    @cached_property
    def points(self) -> tuple[list[tuple[float, float]], float]:
        """The vectors on the unit sphere, brought into the plane, and the share of their spread that is kept."""
        chords = [[math.sqrt(2 * max(d, 0.0)) for d in row] for row in self.distances]
        found, kept = classical_scaling(chords)
        return [(float(x), float(y)) for x, y in found], kept

    @property
    def reading(self) -> str:
        """One sentence that reads the map."""
        if not self.moves:
            return "One vector, wherever the word stands."
        (near, a, b), (far, c, d) = self.pairs[0], self.pairs[-1]
        said = f"{numbers.decimals(self.mean, 2)} apart on average"
        if len(self.pairs) > 1:
            said += (
                f"; nearest {a + 1} and {b + 1} ({numbers.decimals(near, 2)}),"
                f" farthest {c + 1} and {d + 1} ({numbers.decimals(far, 2)})"
            )
        return said + f". The map keeps {numbers.percent(self.points[1], 0)} of the spread."


@dataclass(frozen=True)
class Word:
    """A word in its contexts, as the models place it that read these."""

    word: str
    contexts: Sequence[Context]
    placed: Sequence[Placed]

    @property
    def reach(self) -> float:
        """How far from the centre the maps go: the same for every model."""
        return max([UNRELATED / 2, *(math.hypot(*p) for one in self.placed for p in one.points[0])])

    def drawing(self, one: Placed) -> Markup:
        """Return a model's map."""
        label = f"“{visible(self.word)}” in {len(self.contexts)} contexts under {one.model.name}"
        says = [context.said for context in self.contexts]
        return numbered(one.points[0], says, self.reach, UNRELATED / 2, one.model.index, label)


def build(material: Material) -> Section | None:
    """Return the section, or None where no model has vectors of a word in two contexts."""
    words, missing = _words(material)
    models = [m for m in material.scored if any(m is one.model for word in words for one in word.placed)]
    if not models:
        return None
    without = [m for m in material.scored if m not in models]
    said = reading(words, models)
    html = fill("meaning", words=words, models=models, without=without, missing=missing, reading=said,
                averages=_averages(words, models), shown_open=SHOWN_OPEN)  # fmt: skip
    return Section("meaning", "Context changes meaning", html, _markdown(words, models, said))


def reading(words: Sequence[Word], models: Sequence[Model]) -> str:
    """Say for which models a word is one point, and how far the others move theirs."""
    means = _averages(words, models)
    still = [m.name for m in models if not any(one.moves for w in words for one in w.placed if one.model is m)]
    moving = [m for m in models if m.name not in still and means[m.index] is not None]
    said = []
    if still:
        said.append(f"To {numbers.listed(still)} a word is one point, whatever stands before it.")
    if moving:
        first, *others = sorted(moving, key=lambda m: -(means[m.index] or 0.0))
        less = ", ".join(f"{m.name} {numbers.decimals(means[m.index], 2)}" for m in others)
        said.append(
            f"Context moves the words of {first.name} by {numbers.decimals(means[first.index], 2)} on average"
            f"{f' ({less})' if less else ''}, where 1 is as far as two tokens of the text lie apart on average."
        )
    return " ".join(said)


def _averages(words: Sequence[Word], models: Sequence[Model]) -> dict[int, float | None]:
    """Return each model's mean distance over the words that all of these models place, by the model's number."""
    shared = [word for word in words if len(word.placed) == len(models)]
    found: dict[int, float | None] = {}
    for model in models:
        means = [one.mean for word in shared for one in word.placed if one.model is model]
        found[model.index] = sum(means) / len(means) if means else None
    return found


def _words(material: Material) -> tuple[list[Word], list[str]]:
    """Return the words with two contexts or more and a model that places them; and those that have fewer contexts."""
    contexts: dict[object, tuple[str, list[Context]]] = {}
    placed: dict[object, list[Placed]] = {}
    missing: list[str] = []
    for model in material.scored:
        names = _document_names(material, model)
        for entry in model.cell.examples.get("words", ()):
            word = str(entry["word"])
            if len(entry["contexts"]) < 2:
                missing.append(word)
            elif entry["distances"] is not None:
                found = [_context(context, names) for context in entry["contexts"]]
                key = (word, tuple(found))
                contexts[key] = (word, found)
                placed.setdefault(key, []).append(Placed(model, entry["distances"]))
    words = [Word(word, found, placed[key]) for key, (word, found) in contexts.items()]
    return words, list(dict.fromkeys(missing))


def _document_names(material: Material, model: Model) -> list[str]:
    documents = material.run.tokens[model.entry.tokens_fingerprint].documents_of("test")
    return documents["name"].astype(str).tolist()


def _context(stored: Mapping[str, Any], names: Sequence[str]) -> Context:
    before, after = str(stored["before"]), str(stored["after"])
    if len(before) > READ:
        cut = before[-READ:]
        before = f"… {cut.partition(' ')[2] or cut}"  # at a blank, where there is one
    if len(after) > UNREAD:
        cut = after[:UNREAD]
        after = f"{cut.rpartition(' ')[0] or cut} …"
    document = stored["document"]
    if document is None:
        source = "prompt"
    else:
        source = names[int(document)] if int(document) < len(names) else f"document {document}"
    return Context(before, str(stored["word"]), after, source)


def _markdown(words: Sequence[Word], models: Sequence[Model], said: str) -> str:
    rows = (
        (
            plain(visible(word.word)),
            *(
                next((numbers.decimals(one.mean, 2) for one in word.placed if one.model is model), numbers.NONE)
                for model in models
            ),
        )
        for word in words
    )
    grid = table(("mean distance", *(plain(m.name) for m in models)), rows)
    parts = [plain(said), grid]
    for word in words[:SHOWN_OPEN]:
        lines = [
            f"{i}. {plain(c.before)} **{plain(c.word.strip())}**{' ' if c.after[:1] == ' ' else ''}{plain(c.after)}"
            f" ({plain(c.source)})"
            for i, c in enumerate(word.contexts, 1)
        ]
        readings = [f"- {plain(one.model.name)}: {plain(one.reading)}" for one in word.placed]
        parts += [f"### “{plain(visible(word.word))}”", "\n".join(lines), "\n".join(readings)]
    return "\n\n".join(parts)
