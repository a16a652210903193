"""Context and a word's vector: are its senses told apart, and one word in several sentences in each model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from markupsafe import Markup

from lmcompare.analysis.intervals import LEAST_UNITS
from lmcompare.render.charts.contexts import numbered
from lmcompare.render.tokens import printable, visible
from lmcompare.report.data import Model, ReportData, Section
from lmcompare.runfolder.files import Array
from lmcompare.studies.contexts import senses


def classical_scaling(distances: Sequence[Sequence[float]] | Array) -> tuple[Array, float]:
    """Return (n, 2) points whose distances come near those given (n, n), and the share of their spread that is kept.

    Torgerson (1952): the two leading eigenvectors of the doubly centred squares. Signs are chosen so that the
    coordinate farthest from 0 is positive; where all distances are 0 the share is 1.
    """
    squares = np.asarray(distances, np.float64) ** 2
    n = len(squares)
    if not n:
        return np.zeros((0, 2)), 1.0
    centring = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-centring @ squares @ centring / 2)
    spread = float(values.clip(0).sum())
    points = np.zeros((n, 2))
    if spread < 1e-12:
        return points, 1.0
    leading = np.argsort(-values, kind="stable")[:2]
    for column, index in enumerate(leading[: min(2, n)]):
        points[:, column] = vectors[:, index] * np.sqrt(max(values[index], 0.0))
    farthest = points[np.abs(points).argmax(0), np.arange(2)]
    points *= np.where(farthest < 0, -1.0, 1.0)
    return points, float(values[leading].clip(0).sum() / spread)


QUESTION = "Do vectors tell the senses of a word apart?"
SHOWN = "A word's vector in several sentences"
READ, UNREAD = 90, 50  # characters of a sentence shown before and after the word
HARDLY = 0.005  # distances below this are printed as 0.00
UNRELATED = math.sqrt(2)  # the chord between unit vectors of context distance 1


@dataclass(frozen=True)
class Context:
    """One occurrence of the word: the text before it, the word, the text after it, and its source.

    ``key`` identifies the occurrence in all models, whatever their tokens.
    """

    before: str
    word: str
    after: str
    source: str
    key: object = field(default=None, compare=False)

    @property
    def short(self) -> str:
        """The end of the text up to the word, for a tooltip."""
        return f"{self.before}{self.word}"[-60:].strip()


@dataclass(frozen=True)
class Placed:
    """The context distances (n, n) between a model's vectors of the word in its n contexts."""

    model: Model
    distances: Sequence[Sequence[float]]

    @cached_property
    def pairs(self) -> list[tuple[float, int, int]]:
        """(distance, i, j) of all pairs of contexts, the nearest first."""
        return sorted((self.distances[i][j], i, j) for i, j in combinations(range(len(self.distances)), 2))

    @property
    def mean(self) -> float:
        """The mean distance between two contexts."""
        return sum(d for d, _, _ in self.pairs) / len(self.pairs)

    @property
    def still(self) -> bool:
        """Whether the vector is the same in all contexts."""
        return self.pairs[-1][0] == 0

    @property
    def moves(self) -> bool:
        """Whether some distance is not printed as 0.00."""
        return self.pairs[-1][0] >= HARDLY

    @cached_property
    def points(self) -> tuple[list[tuple[float, float]], float]:
        """The vectors on the unit sphere projected to the plane, and the share of their variance that is kept."""
        chords = [[math.sqrt(2 * max(d, 0.0)) for d in row] for row in self.distances]
        found, kept = classical_scaling(chords)
        return [(float(x), float(y)) for x, y in found], kept


@dataclass(frozen=True)
class Word:
    """A word in its contexts, and its vectors in the models that have read them."""

    word: str
    contexts: Sequence[Context]
    placed: Sequence[Placed]

    @property
    def reach(self) -> float:
        """The radius of the maps, the same for every model."""
        return max([UNRELATED / 2, *(math.hypot(*p) for one in self.placed for p in one.points[0])])

    def drawing(self, one: Placed) -> Markup:
        """Return the map of a model."""
        label = f"The vectors of “{visible(self.word)}” in {len(self.contexts)} contexts: {one.model.title}"
        says = [context.short for context in self.contexts]
        return numbered(one.points[0], says, self.reach, UNRELATED / 2, one.model.index, label)


def build(data: ReportData) -> Section | None:
    """Return the section, or None if the run has no words in context."""
    answers = {model.name: _answers(data, model) for model in data.scored}
    words = joined(answers, data.scored)
    models = [m for m in data.scored if any(m is one.model for word in words for one in word.placed)]
    asked = dict.fromkeys(word for found in answers.values() for word in found or {})
    missing = [word for word in asked if word not in {one.word for one in words}]
    test = senses.build(data)
    if not words and not missing and not test:
        return None
    unmoved, moving = means(words, models)
    return Section.written(
        "meaning",
        QUESTION if test and test.sets else SHOWN,
        __package__,
        senses=test,
        points=senses.points,
        least=LEAST_UNITS,
        unranked=data.unranked,
        words=words,
        models=models,
        unmoved=unmoved,
        moving=moving,
        left_out=_left_out([m for m in data.scored if m not in models], answers) if words else {},
        missing=missing,
    )


def means(words: Sequence[Word], models: Sequence[Model]) -> tuple[list[str], list[tuple[str, float]]]:
    """Return which models have one vector for a word, and how far context moves it in the others."""
    found = _averages(words, models)
    still = [m for m in models if all(one.still for w in words for one in w.placed if one.model is m)]
    moving = [(m.title, mean) for m in models if m not in still and (mean := found[m.index]) is not None]
    return [m.title for m in still], sorted(moving, key=lambda each: -each[1])


def _averages(words: Sequence[Word], models: Sequence[Model]) -> dict[int, float | None]:
    """Return each model's mean distance over the words that all of these models have, by the model's index."""
    shared = [word for word in words if len(word.placed) == len(models)]
    found: dict[int, float | None] = {}
    for model in models:
        means = [one.mean for word in shared for one in word.placed if one.model is model]
        found[model.index] = sum(means) / len(means) if means else None
    return found


@dataclass(frozen=True)
class Answer:
    """What a model stored for one word; ``distances`` are None if it has no word vectors."""

    contexts: Sequence[Context]
    distances: Sequence[Sequence[float]] | None


Answers = Mapping[str, Mapping[str, Answer] | None]


def joined(answers: Answers, models: Sequence[Model]) -> list[Word]:
    """Return the words that some model has in two or more contexts.

    Models with other tokens or prompts may have other occurrences of the same word. They are compared on the
    occurrences that they share, if these are two or more, and are shown separately otherwise.
    """
    names = dict.fromkeys(word for found in answers.values() for word in found or {})
    words: list[Word] = []
    for word in names:
        groups: list[tuple[list[object], list[tuple[Model, Answer]]]] = []
        for model in models:
            answer = (answers[model.name] or {}).get(word)
            if answer is None or answer.distances is None or len(answer.contexts) < 2:
                continue
            own = [context.key for context in answer.contexts]
            for shared, members in groups:
                common = [key for key in shared if key in own]
                if len(common) > 1:
                    shared[:] = common
                    members.append((model, answer))
                    break
            else:
                groups.append((own, [(model, answer)]))
        words += [_word(word, keys, members) for keys, members in groups]
    return words


def _word(word: str, keys: Sequence[object], members: Sequence[tuple[Model, Answer]]) -> Word:
    """Return a word in the contexts of these keys, with the text of the first model."""
    placed = []
    for model, answer in members:
        place = {context.key: i for i, context in enumerate(answer.contexts)}
        rows = [place[key] for key in keys]
        assert answer.distances is not None
        placed.append(Placed(model, [[float(answer.distances[i][j]) for j in rows] for i in rows]))
    first = {context.key: context for context in members[0][1].contexts}
    return Word(word, [first[key] for key in keys], placed)


def _answers(data: ReportData, model: Model) -> dict[str, Answer] | None:
    """Return what a model stored for the words; None if it was not asked or could not answer."""
    stored = (model.cell.measured("contexts") or {}).get("words")
    if not stored:
        return None
    documents = data.run.tokens[model.entry.tokens_fingerprint].documents_of("test")
    names = documents["name"].astype(str).tolist()
    return {
        str(entry["word"]): Answer([_context(c, names) for c in entry["contexts"]], entry["distances"])
        for entry in stored
    }


def _left_out(models: Sequence[Model], answers: Answers) -> dict[str, list[str]]:
    """Return the titles of models that are not shown, by the reason."""
    reasons: dict[str, list[str]] = {}
    for model in models:
        found = answers[model.name]
        if found is None:
            reason = "no answer"
        elif any(len(answer.contexts) > 1 for answer in found.values()):
            reason = "no word vectors"
        else:
            reason = "none of the words is a token"
        reasons.setdefault(reason, []).append(model.title)
    return reasons


def _context(stored: Mapping[str, Any], names: Sequence[str]) -> Context:
    before, word, after = (printable(str(stored[part])) for part in ("before", "word", "after"))
    document = stored["document"]
    key: object = (document, stored.get("byte", stored["position"]))
    if document is None:
        key = (f"{stored['before']}".strip(), f"{stored['word']}".strip())
    if len(before) > READ:
        cut = before[-READ:]
        before = f"… {cut.partition(' ')[2] or cut}"  # at a space, if there is one
    if len(after) > UNREAD:
        cut = after[:UNREAD]
        after = f"{cut.rpartition(' ')[0] or cut} …"
    if document is None:
        source = "prompt"
    else:
        source = names[int(document)] if int(document) < len(names) else f"document {document}"
    return Context(before, word, after, source, key)
