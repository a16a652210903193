"""Do vectors tell the senses of a word apart? The verdict of the labelled sentences, in words and in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from markupsafe import Markup

from lmcompare.analysis.intervals import LEAST_UNITS, holm
from lmcompare.analysis.senses import Gain, Labelled, Separation, gain, separation
from lmcompare.render import numbers
from lmcompare.render.templating import fill
from lmcompare.render.titles import sentence, spoken
from lmcompare.render.tokens import visible
from lmcompare.report.data import Model, ReportData

LEVEL = 0.05  # of the adjusted p-values, for significance
SHOWN_LAYERS = 12  # a deeper model has this many shown layers, evenly spread
NOT_TESTED = "Whether the vectors tell the senses of a word apart is not tested for"


@dataclass(frozen=True)
class Row:
    """A test: of a model's vectors, of the averages of its vectors of the words before, or of the words' counts.

    ``sets`` are the words with their results, ``found`` the result over all of them, with ``p`` adjusted. ``gain`` is
    that of a model over its average.
    """

    model: Model | None
    average: bool
    sets: Mapping[str, Labelled]
    found: Separation
    gain: Gain | None = None

    @property
    def able(self) -> bool:
        """Whether the nearest sentence has the same sense more often than by chance."""
        return self.found.p < LEVEL

    @property
    def said(self) -> str:
        """The model and the share."""
        assert self.model is not None
        return f"{self.model.title} {numbers.percent(self.found.share, 0)}"

    def right(self, word: str) -> str:
        """Return "5 of 8" of a set; a dash if it was left out."""
        one = self.sets.get(word)
        return "–" if one is None else f"{one.right:.3g} of {len(one.senses)}"


def build(data: ReportData) -> tuple[Markup, bool]:
    """Return the test of the senses, empty if no model was asked, and whether any could be tested."""
    stored = {m.name: found for m in data.scored if (found := m.cell.examples.get("senses"))}
    models = [m for m in data.scored if m.name in stored]
    tested = [m for m in models if len(stored[m.name]["sets"]) >= LEAST_UNITS]
    rows = _with_gains(_adjusted(_rows(tested, stored)))
    ranked = [row for row in rows if row.model is None or row.model.name not in data.unranked]
    untested: dict[str, list[str]] = {}
    for model in models:
        if model not in tested:
            untested.setdefault(_too_few(stored[model.name]), []).append(model.title)
    if not models:
        return Markup(), False
    sets: dict[str, Mapping[str, Any]] = {}
    for model in tested:
        for one in stored[model.name]["sets"]:
            sets.setdefault(str(one["word"]), one)
    html = fill(
        "senses",
        __package__,
        verdict=verdict(ranked) or verdict(rows),
        rows=rows,
        paired=_paired(rows),
        points=points,
        layers=[
            _by_layer(model, stored[model.name]["sets"]) for model in tested if _layers(stored[model.name]["sets"])
        ],
        sets=[_shown(one, tested, stored) for one in sets.values()],
        unranked=data.unranked,
        notes=[
            *dict.fromkeys(_left_out(stored[m.name]) for m in tested),
            *(f"{NOT_TESTED} {numbers.listed(names)}: {why}" for why, names in untested.items()),
        ],
    )
    return html, bool(tested)


def verdict(rows: Sequence[Row]) -> str:
    """Return which models tell the senses apart, and whether better than the average of the words before does."""
    own = sorted((r for r in rows if r.model and not r.average), key=lambda r: -r.found.share)
    if not own:
        return ""
    able, chance = [r for r in own if r.able], numbers.percent(own[0].found.chance, 0)
    if not able:
        shares = numbers.listed([r.said for r in own])
        return (
            "No: in no model does the nearest sentence have the same sense measurably more often than by chance"
            f" ({chance}; {shares}).{_beyond_average(own)}"
        )
    others = [r for r in own if not r.able]
    who = numbers.listed([f"{spoken(_title(r))} ({numbers.percent(r.found.share, 0)})" for r in able])
    not_in = numbers.listed([spoken(_title(r)) for r in others])
    rest = f" This was not found in {not_in}." if others else ""
    beyond = _beyond_average(own)
    return (
        f"Yes, in {who}: there the nearest sentence has the same sense more often than by chance"
        f" ({chance}).{rest}{_not_apart(able)}{beyond}"
    )


def _beyond_average(own: Sequence[Row]) -> str:
    """Return whether models are better in context than by the average before it; "" if no average is stored."""
    if all(row.gain is None for row in own):
        return ""
    better = _better(own)
    if not better:
        return (
            " Whether reading in context helps is not shown, however: no model is measurably better than the plain"
            " average of the word vectors of the words before, which do not depend on context."
        )
    who = f"{numbers.listed(better)} {'is' if len(better) == 1 else 'are'}"
    return (
        f" {who} measurably better than the plain average of the word vectors of the words before, which do not"
        " depend on context."
    )


def _better(own: Sequence[Row]) -> list[str]:
    """Return the models that are measurably better in context than by the average of the words before."""
    return [_title(row) for row in own if row.gain and row.gain.p < LEVEL and row.gain.difference > 0]


def _not_apart(able: Sequence[Row]) -> str:
    """Return the words whose senses a model does not tell apart, though it does so for all words together."""
    said = []
    for row in able:
        words = [f"“{word}”" for word, one in row.sets.items() if one.right <= row.found.chance * len(one.senses)]
        if words:
            said.append(f"for {numbers.listed(words)}, {spoken(_title(row))} is no better than chance")
    return f" {sentence('; '.join(said))}." if said else ""


def _with_gains(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with the gains of models over their averages, whose p-values are adjusted for all of them."""
    plain = {_title(row): row for row in rows if row.average}
    own = [row for row in rows if row.model and not row.average and _title(row) in plain]
    gains = [gain([*row.sets.values()], [*plain[_title(row)].sets.values()]) for row in own]
    adjusted = holm(np.array([one.p for one in gains]))
    found = {id(row): replace(one, p=float(p)) for row, one, p in zip(own, gains, adjusted, strict=True)}
    return [replace(row, gain=found.get(id(row))) for row in rows]


def _paired(rows: Sequence[Row]) -> list[tuple[Row | None, Row | None]]:
    """Return pairs of rows: that of each model with that of its average, and those of the counts alone."""
    averages = {_title(row): row for row in rows if row.average}
    own = [row for row in rows if row.model and not row.average]
    return [*((row, averages.get(_title(row))) for row in own), *((None, row) for row in rows if row.model is None)]


def points(one: Gain) -> str:
    """Return "+10 (−5 to 26)" in percentage points."""
    low, high = (numbers.decimals(100 * value, 0) for value in (one.low, one.high))
    sign = "+" if one.difference > 0 else ""
    return f"{sign}{numbers.decimals(100 * one.difference, 0)} ({low} to {high})"


def _title(row: Row) -> str:
    assert row.model is not None
    return row.model.title


def _rows(models: Sequence[Model], stored: Mapping[str, Any]) -> list[Row]:
    """Return the tests: of each model, then of the averages, and of the counts once for the same sentences."""
    rows: list[Row] = []
    seen: list[object] = []
    for model in models:
        sets = stored[model.name]["sets"]
        rows.append(_row(model, sets, "distances"))
    for model in models:
        sets = stored[model.name]["sets"]
        if all(one["average"] for one in sets):
            rows.append(_row(model, sets, "average"))
    for model in models:
        sets = stored[model.name]["sets"]
        if (counts := [one["counts"] for one in sets]) not in seen:
            seen.append(counts)
            rows.append(_row(None, sets, "counts"))
    return rows


def _row(model: Model | None, sets: Sequence[Mapping[str, Any]], what: str) -> Row:
    labelled = {str(one["word"]): _labelled(one, one[what]) for one in sets}
    return Row(model, what == "average", labelled, separation(list(labelled.values())))


@dataclass(frozen=True)
class ByLayer:
    """The share of right sentences in a model's vectors after some of its layers; 0 is before the first."""

    model: Model
    shares: Mapping[int, float]


def _layers(sets: Sequence[Mapping[str, Any]]) -> int:
    return min((len(one.get("layers", [])) for one in sets), default=0)


def _by_layer(model: Model, sets: Sequence[Mapping[str, Any]]) -> ByLayer:
    last = _layers(sets) - 1
    shares = {}
    for layer in dict.fromkeys(round(last * k / SHOWN_LAYERS) for k in range(SHOWN_LAYERS + 1)):
        found = [_labelled(one, one["layers"][layer]) for one in sets]
        shares[layer] = sum(one.right for one in found) / sum(len(one.senses) for one in found)
    return ByLayer(model, shares)


def _labelled(one: Mapping[str, Any], distances: Sequence[Sequence[float]]) -> Labelled:
    return Labelled(np.array(distances, np.float64), np.array([sentence["sense"] for sentence in one["sentences"]]))


def _adjusted(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with p-values adjusted for all of them."""
    adjusted = holm(np.array([row.found.p for row in rows]))
    return [replace(row, found=replace(row.found, p=float(p))) for row, p in zip(rows, adjusted, strict=True)]


def _shown(one: Mapping[str, Any], models: Sequence[Model], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sentences of a set by sense, and the next words that each model expects after each sense."""
    word = str(one["word"])
    senses = []
    for k, name in enumerate(one["names"]):
        expected = []
        for model in models:
            own = next((other for other in stored[model.name]["sets"] if other["word"] == word), None)
            if own is not None:
                expected.append((model, [_next(token) for token in own["next"][k]]))
        texts = [str(s["text"]) for s in one["sentences"] if s["sense"] == k]
        senses.append({"name": name, "sentences": texts, "expected": expected})
    return {"word": word, "senses": senses}


def _next(token: Mapping[str, Any]) -> str:
    name = visible(str(token["token"]).strip())
    return f"{name} {numbers.probability(token['probability'])} ({numbers.probability(token['other'])})"


def _too_few(senses: Mapping[str, Any]) -> str:
    """Return why a model is not tested."""
    sets, words = len(senses["sets"]), len(senses["sets"]) + len(senses["left_out"])
    return (
        f"the test needs {LEAST_UNITS} of our {words} words with two senses, and {sets} can be read with these"
        f" tokens. {_left_out(senses)}"
    )


def _left_out(senses: Mapping[str, Any]) -> str:
    """Return which words are left out, by reason."""
    reasons: dict[str, list[str]] = {}
    for word, reason in senses["left_out"].items():
        reasons.setdefault(str(reason), []).append(str(word))
    parts = [f"{numbers.listed(words)} ({reason})" for reason, words in reasons.items()]
    return f"Left out: {'; '.join(parts)}." if parts else ""
