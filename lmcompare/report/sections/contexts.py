"""Context changes meaning: one word in several sentences, and where each model puts it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any

from markupsafe import Markup

from lmcompare.analysis.scaling import classical_scaling
from lmcompare.report import numbers
from lmcompare.report.charts.contexts import numbered
from lmcompare.report.data import Model, ReportData, Section
from lmcompare.report.markdown import plain, table
from lmcompare.report.templating import fill
from lmcompare.report.tokens import printable, visible

SHOWN_OPEN = 2  # words beyond these are folded
READ, UNREAD = 90, 50  # characters of a sentence shown before and after the word
HARDLY = 0.005  # distances below this are printed as 0.00
NOT_SHOWN = "Not shown, as no single token of the vocabulary or in fewer than two places of prompts and test"
UNRELATED = math.sqrt(2)  # how far apart vectors of distance 1 lie on the unit sphere


@dataclass(frozen=True)
class Context:
    """A place where the word stands: the text before it, the word, the text after it, where that is from, and what it
    is known by whatever the tokens.
    """

    before: str
    word: str
    after: str
    source: str
    key: object = field(default=None, compare=False)

    @property
    def said(self) -> str:
        """The text up to the word, for a narrow place."""
        return f"{self.before}{self.word}"[-60:].strip()


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
    def still(self) -> bool:
        """Is it one and the same vector in all contexts?"""
        return self.pairs[-1][0] == 0

    @property
    def moves(self) -> bool:
        """Does context move the word by more than is printed as 0.00?"""
        return self.pairs[-1][0] >= HARDLY

    @cached_property
    def points(self) -> tuple[list[tuple[float, float]], float]:
        """The vectors on the unit sphere, brought into the plane, and the share of their spread that is kept."""
        chords = [[math.sqrt(2 * max(d, 0.0)) for d in row] for row in self.distances]
        found, kept = classical_scaling(chords)
        return [(float(x), float(y)) for x, y in found], kept

    @property
    def reading(self) -> str:
        """One sentence that reads the map."""
        if self.still:
            return "One vector, wherever the word stands."
        if not self.moves:
            return "It hardly moves: no two lie 0.01 apart."
        (near, a, b), (far, c, d) = self.pairs[0], self.pairs[-1]
        if len(self.pairs) == 1:
            return f"{numbers.decimals(self.mean, 2)} apart."
        return (
            f"{numbers.decimals(self.mean, 2)} apart on average; nearest {a + 1} and {b + 1}"
            f" ({numbers.decimals(near, 2)}), farthest {c + 1} and {d + 1} ({numbers.decimals(far, 2)})."
            f" The map keeps {numbers.percent(self.points[1], 0)} of the spread."
        )


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


def build(data: ReportData) -> Section | None:
    """Return the section, or None where no model was asked for words."""
    answers = {model.name: _answers(data, model) for model in data.scored}
    words = joined(answers, data.scored)
    models = [m for m in data.scored if any(m is one.model for word in words for one in word.placed)]
    asked = dict.fromkeys(word for found in answers.values() for word in found or {})
    missing = [word for word in asked if word not in {one.word for one in words}]
    if not words and not missing:
        return None
    said = reading(words, models) if words else ""
    left_out = _left_out([m for m in data.scored if m not in models], answers) if words else ""
    html = fill(
        "contexts",
        words=words,
        models=models,
        left_out=left_out,
        missing=missing,
        not_shown=NOT_SHOWN,
        reading=said,
        shown_open=SHOWN_OPEN,
    )
    return Section("meaning", "Context changes meaning", html, _markdown(words, models, said, left_out, missing))


def reading(words: Sequence[Word], models: Sequence[Model]) -> str:
    """Say for which models a word is one point, and how far the others move theirs."""
    means = _averages(words, models)
    still = [m.name for m in models if all(one.still for w in words for one in w.placed if one.model is m)]
    moving = [m for m in models if m.name not in still and means[m.index] is not None]
    hardly = [m.name for m in moving if (means[m.index] or 0.0) < HARDLY]
    moving = [m for m in moving if m.name not in hardly]
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
    if hardly:
        said.append(f"It hardly moves those of {numbers.listed(hardly)}.")
    if not said:
        said.append("No word stands in the same places for all of these models: their figures are not compared.")
    return " ".join(said)


def _averages(words: Sequence[Word], models: Sequence[Model]) -> dict[int, float | None]:
    """Return each model's mean distance over the words that all of these models place, by the model's number."""
    shared = [word for word in words if len(word.placed) == len(models)]
    found: dict[int, float | None] = {}
    for model in models:
        means = [one.mean for word in shared for one in word.placed if one.model is model]
        found[model.index] = sum(means) / len(means) if means else None
    return found


@dataclass(frozen=True)
class Answer:
    """What a model stored of one word; ``distances`` are None where it has no vectors."""

    contexts: Sequence[Context]
    distances: Sequence[Sequence[float]] | None


Answers = Mapping[str, Mapping[str, Answer] | None]


def joined(answers: Answers, models: Sequence[Model]) -> list[Word]:
    """Return the words that some model places in two contexts or more.

    Models that were asked about the same word in other places, having other tokens or prompts, are compared on the
    places that they share where these are two or more, and else stand apart.
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
    """Return a word in the contexts of these keys, in the text of the first model."""
    placed = []
    for model, answer in members:
        place = {context.key: i for i, context in enumerate(answer.contexts)}
        rows = [place[key] for key in keys]
        assert answer.distances is not None
        placed.append(Placed(model, [[float(answer.distances[i][j]) for j in rows] for i in rows]))
    first = {context.key: context for context in members[0][1].contexts}
    return Word(word, [first[key] for key in keys], placed)


def _answers(data: ReportData, model: Model) -> dict[str, Answer] | None:
    """Return what a model stored of the words; None if it was not asked or could not answer."""
    stored = model.cell.examples.get("words")
    if not stored:
        return None
    documents = data.run.tokens[model.entry.tokens_fingerprint].documents_of("test")
    names = documents["name"].astype(str).tolist()
    return {
        str(entry["word"]): Answer([_context(c, names) for c in entry["contexts"]], entry["distances"])
        for entry in stored
    }


def _left_out(models: Sequence[Model], answers: Answers) -> str:
    """Say of the models that place no word why they do not."""
    reasons: dict[str, list[str]] = {}
    for model in models:
        found = answers[model.name]
        if found is None:
            reason = "not asked, or without an answer"
        elif any(len(answer.contexts) > 1 for answer in found.values()):
            reason = "without vectors of words"
        else:
            reason = "with other tokens, of which none is such a word"
        reasons.setdefault(reason, []).append(model.name)
    parts = [f"{numbers.listed(names)} ({reason})" for reason, names in reasons.items()]
    return f"Not here: {', '.join(parts)}." if parts else ""


def _context(stored: Mapping[str, Any], names: Sequence[str]) -> Context:
    before, word, after = (printable(str(stored[part])) for part in ("before", "word", "after"))
    document = stored["document"]
    key: object = (document, stored.get("byte", stored["position"]))
    if document is None:
        key = (f"{stored['before']}".strip(), f"{stored['word']}".strip())
    if len(before) > READ:
        cut = before[-READ:]
        before = f"… {cut.partition(' ')[2] or cut}"  # at a blank, where there is one
    if len(after) > UNREAD:
        cut = after[:UNREAD]
        after = f"{cut.rpartition(' ')[0] or cut} …"
    if document is None:
        source = "prompt"
    else:
        source = names[int(document)] if int(document) < len(names) else f"document {document}"
    return Context(before, word, after, source, key)


def _markdown(
    words: Sequence[Word], models: Sequence[Model], said: str, left_out: str, missing: Sequence[str]
) -> str:
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
    parts = [plain(said), table(("mean distance", *(plain(m.name) for m in models)), rows)] if words else []
    for word in words[:SHOWN_OPEN]:
        lines = [
            f"{i}. {plain(c.before)} **{plain(c.word.strip())}**{' ' if c.after[:1] == ' ' else ''}{plain(c.after)}"
            f" ({plain(c.source)})"
            for i, c in enumerate(word.contexts, 1)
        ]
        readings = [f"- {plain(one.model.name)}: {plain(one.reading)}" for one in word.placed]
        parts += [f"### “{plain(visible(word.word))}”", "\n".join(lines), "\n".join(readings)]
    if missing:
        parts.append(f"{NOT_SHOWN}: {', '.join(plain(visible(word)) for word in missing)}.")
    return "\n\n".join([*parts, plain(left_out)] if left_out else parts)
