"""Do vectors tell the senses of a word apart? The verdict of the labelled sentences, in words and in a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any

import numpy as np

from lmcompare.analysis.intervals import LEAST_UNITS, holm, ratio_bootstrap
from lmcompare.render import numbers
from lmcompare.render.tokens import visible
from lmcompare.report.data import Model, ReportData
from lmcompare.runfolder.files import Array


@dataclass(frozen=True, eq=False)
class Labelled:
    """A set of labelled sentences: which other sentences are the nearest of each.

    Parameters
    ----------
    distances : array of shape (n, n)
    senses : array of shape (n,)
        The sense of each sentence.
    """

    distances: Array
    senses: Array

    @property
    def weights(self) -> Array:
        """(n, n) the part of each sentence's answer that each other sentence gives.

        It is 1 / k for the k nearest sentences, which are equally near, and 0 for all others.
        """
        apart = self.distances + np.where(np.eye(len(self.senses), dtype=bool), np.inf, 0.0)
        near = apart <= apart.min(axis=1, keepdims=True)
        found: Array = near / near.sum(axis=1, keepdims=True)
        return found

    @property
    def right(self) -> float:
        """The number of sentences whose nearest other one has the same sense; equally near ones share the answer."""
        return float(self.weights[self.senses[:, None] == self.senses].sum())

    @property
    def chance(self) -> float:
        """The mean of ``right`` in random order: the sum of (number of the same sense - 1) / (n - 1)."""
        _, own, counts = np.unique(self.senses, return_inverse=True, return_counts=True)
        return float(((counts[own] - 1) / (len(self.senses) - 1)).sum())


@dataclass(frozen=True)
class Separation:
    """The result over several sets.

    ``share`` of the sentences whose nearest other sentence has the same sense; ``low`` and ``high``, the ends of its
    95 % interval over sets (0 and 1 for too few sets); ``chance``, the share in a random order; ``p``, one-sided.
    """

    share: float
    low: float
    high: float
    chance: float
    p: float


def separation(sets: Sequence[Labelled]) -> Separation:
    """Return how well the nearest sentence tells the sense, over all of ``sets``.

    The p-value is exact: of all ways to distribute the labels of each set over its sentences, it is the share with at
    least as many right answers. The interval resamples sets (studentised bootstrap).
    """
    right = np.array([one.right for one in sets])
    sizes = np.array([float(len(one.senses)) for one in sets])
    low, high = ratio_bootstrap(right[:, None], sizes[:, None]).interval()
    n = sizes.sum()
    chance = sum(one.chance for one in sets) / n
    return Separation(right.sum() / n, max(0.0, float(low[0])), min(1.0, float(high[0])), chance, _p_value(sets))


@dataclass(frozen=True)
class Gain:
    """By how much one kind of vectors has a greater share right than another, in the same sentences.

    ``low`` and ``high`` are the ends of the 95 % interval over sets, and ``p`` is two-sided.
    """

    difference: float
    low: float
    high: float
    p: float


def gain(sets: Sequence[Labelled], others: Sequence[Labelled]) -> Gain:
    """Return the paired difference between the ``share`` of ``sets`` and that of ``others``, set by set.

    The p-value is exact: of all ways to swap the two kinds in some of the sets, it is the share whose difference has
    at least this absolute value (Fisher's test of paired differences, 1935). The interval resamples sets (studentised
    bootstrap).
    """
    more = np.array([own.right - other.right for own, other in zip(sets, others, strict=True)])
    sizes = np.array([float(len(one.senses)) for one in sets])
    low, high = ratio_bootstrap(more[:, None], sizes[:, None]).interval()
    signs = np.array(list(product((1, -1), repeat=len(sets))))  # at most 2^12 ways
    p = np.mean(np.abs(signs @ more) >= abs(more.sum()) - 1e-9)  # sums of parts of answers are rounded
    return Gain(more.sum() / sizes.sum(), max(-1.0, float(low[0])), min(1.0, float(high[0])), float(p))


def _p_value(sets: Sequence[Labelled]) -> float:
    """Return the share of all labellings of the sets with at least as many right answers as the true labelling."""
    # ``right`` is counted in parts of 1 / unit: the 1 / k of k equally near sentences is a whole number of them
    unit = math.lcm(*range(1, max(len(one.senses) for one in sets)))
    observed, ways = 0, np.ones(1)
    for one in sets:
        weights = np.rint(one.weights * unit).astype(np.int64)
        n, first = len(one.senses), int((one.senses == one.senses[0]).sum())
        labels = np.zeros((math.comb(n, first), n), bool)
        for row, members in enumerate(combinations(range(n), first)):
            labels[row, list(members)] = True
        totals = np.einsum("lij,ij->l", labels[:, :, None] == labels[:, None], weights)
        observed += int(weights[one.senses[:, None] == one.senses].sum())
        ways = np.convolve(ways, np.bincount(totals) / len(totals))
    return min(1.0, float(ways[observed:].sum()))


LEVEL = 0.05  # of the adjusted p-values, for significance
SHOWN_LAYERS = 12  # a deeper model has this many shown layers, evenly spread


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

    def right(self, word: str) -> str:
        """Return "5 of 8" of a set; a dash if it was left out."""
        one = self.sets.get(word)
        return "–" if one is None else f"{one.right:.3g} of {len(one.senses)}"


LeftOut = tuple[tuple[str, tuple[str, ...]], ...]  # words that can't be tested, by the reason


@dataclass(frozen=True)
class Senses:
    """What the section shows of the test.

    Parameters
    ----------
    rows : sequence of Row
        All tests.
    own : sequence of Row
        Those of the vectors of ranked models, or of all if none is ranked; the best first.
    layers : sequence of (Model, mapping of int to float)
        The share of right sentences in a model's vectors after some of its layers; 0 is before the first.
    sets : sequence of dict
        The words with their sentences, and the next words that each model expects.
    left_out : sequence
        The words that were left out of the tests.
    untested : mapping
        The titles of models that are not tested, by the number of words that they can read, that of all words, and
        those that are left out.
    """

    rows: Sequence[Row]
    own: Sequence[Row]
    layers: Sequence[tuple[Model, Mapping[int, float]]]
    sets: Sequence[Mapping[str, Any]]
    left_out: Sequence[LeftOut]
    untested: Mapping[tuple[int, int, LeftOut], Sequence[str]]

    @property
    def able(self) -> list[Row]:
        """The models in which the nearest sentence has the same sense more often than by chance."""
        return [row for row in self.own if row.found.p < LEVEL]

    @property
    def unable(self) -> list[str]:
        """The titles of the others."""
        return [_title(row) for row in self.own if row.found.p >= LEVEL]

    @property
    def better(self) -> list[str] | None:
        """The models that are measurably better in context than by the average of the words before.

        None if no average is stored.
        """
        if all(row.gain is None for row in self.own):
            return None
        return [_title(row) for row in self.own if row.gain and row.gain.p < LEVEL and row.gain.difference > 0]

    @property
    def not_apart(self) -> list[tuple[list[str], str]]:
        """The words whose senses a model does not tell apart, though it does so for all words together."""
        found = []
        for row in self.able:
            words = [f"“{word}”" for word, one in row.sets.items() if one.right <= row.found.chance * len(one.senses)]
            if words:
                found.append((words, _title(row)))
        return found

    @property
    def paired(self) -> list[tuple[Row | None, Row | None]]:
        """Pairs of rows: that of each model with that of its average, and those of the counts alone."""
        averages = {_title(row): row for row in self.rows if row.average}
        own = [row for row in self.rows if row.model and not row.average]
        counts = [row for row in self.rows if row.model is None]
        return [*((row, averages.get(_title(row))) for row in own), *((None, row) for row in counts)]


def build(data: ReportData) -> Senses | None:
    """Return the test of the senses; None if no model was asked."""
    stored = {m.name: found for m in data.scored if (found := (m.cell.measured("contexts") or {}).get("senses"))}
    models = [m for m in data.scored if m.name in stored]
    if not models:
        return None
    tested = [m for m in models if len(stored[m.name]["sets"]) >= LEAST_UNITS]
    rows = _with_gains(_adjusted(_rows(tested, stored)))
    own = [row for row in rows if row.model and not row.average]
    ranked = [row for row in own if row.model and row.model.name not in data.unranked]
    untested: dict[tuple[int, int, LeftOut], list[str]] = {}
    for model in models:
        if model not in tested:
            found = stored[model.name]
            sets, out = len(found["sets"]), len(found["left_out"])
            untested.setdefault((sets, sets + out, _left_out(found)), []).append(model.title)
    words: dict[str, Mapping[str, Any]] = {}
    for model in tested:
        for one in stored[model.name]["sets"]:
            words.setdefault(str(one["word"]), one)
    return Senses(
        rows,
        sorted(ranked or own, key=lambda row: -row.found.share),
        [(m, _by_layer(stored[m.name]["sets"])) for m in tested if _layers(stored[m.name]["sets"])],
        [_shown(one, tested, stored) for one in words.values()],
        [out for out in dict.fromkeys(_left_out(stored[m.name]) for m in tested) if out],
        untested,
    )


def _with_gains(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with the gains of models over their averages, whose p-values are adjusted for all of them."""
    plain = {_title(row): row for row in rows if row.average}
    own = [row for row in rows if row.model and not row.average and _title(row) in plain]
    gains = [gain([*row.sets.values()], [*plain[_title(row)].sets.values()]) for row in own]
    adjusted = holm(np.array([one.p for one in gains]))
    found = {id(row): replace(one, p=float(p)) for row, one, p in zip(own, gains, adjusted, strict=True)}
    return [replace(row, gain=found.get(id(row))) for row in rows]


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


def _layers(sets: Sequence[Mapping[str, Any]]) -> int:
    return min((len(one.get("layers", [])) for one in sets), default=0)


def _by_layer(sets: Sequence[Mapping[str, Any]]) -> dict[int, float]:
    last = _layers(sets) - 1
    shares = {}
    for layer in dict.fromkeys(round(last * k / SHOWN_LAYERS) for k in range(SHOWN_LAYERS + 1)):
        found = [_labelled(one, one["layers"][layer]) for one in sets]
        shares[layer] = sum(one.right for one in found) / sum(len(one.senses) for one in found)
    return shares


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


def _left_out(senses: Mapping[str, Any]) -> LeftOut:
    """Return which words are left out, by reason."""
    reasons: dict[str, list[str]] = {}
    for word, reason in senses["left_out"].items():
        reasons.setdefault(str(reason), []).append(str(word))
    return tuple((reason, tuple(words)) for reason, words in reasons.items())
