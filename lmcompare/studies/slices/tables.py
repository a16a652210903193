"""The test text divided by kinds of tokens or words: sums by kind, and tables with intervals made from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from lmcompare.analysis.blocks import Columns
from lmcompare.analysis.intervals import ratio_bootstrap
from lmcompare.analysis.units import Units
from lmcompare.runfolder.files import Array
from lmcompare.runfolder.run import ModelEntry

RESAMPLES = 2_000
LEAST_UNITS = 10  # a group of tokens that occurs in fewer units has no interval
RARE = 100  # a rare token occurs at most this often in the training text

COUNT_EDGES = (0, 1, 3, 10, 100, 1_000, 10_000)
SENTENCE_EDGES = (1, 2, 3, 4, 5, 10, 20, 40)
DOCUMENT_EDGES = (16, 64, 256, 1_024, 4_096)
MENTIONS = ("first mention", "repetition")


@dataclass(frozen=True)
class Slice:
    """One way to divide tokens or words.

    ``labels`` are its values in order. ``place`` gives (N,) indices into them from the features,
    −1 for those that are left out.
    """

    name: str
    title: str
    labels: tuple[str, ...]
    place: Callable[[Columns], Array]


def bucket_labels(edges: tuple[int, ...], start: int) -> tuple[str, ...]:
    """Name the buckets that end at each edge, and the open one after the last."""
    begins = [start, *(edge + 1 for edge in edges)]
    closed = [f"{a:,}" if a == b else f"{a:,}–{b:,}" for a, b in zip(begins, edges, strict=False)]
    return (*closed, f"over {edges[-1]:,}")


def bucket(values: Array, edges: tuple[int, ...]) -> Array:
    """(N,) the bucket of each value."""
    return np.searchsorted(np.array(edges), values, side="left")


def shared_slices(unit: Literal["token", "word"], prefix: str = "") -> tuple[Slice, ...]:
    """Return the slices in which tokens and words are divided alike; ``prefix`` begins their names."""
    return (
        Slice(
            f"{prefix}train_count",
            f"by how often the {unit} occurs in the training text",
            bucket_labels(COUNT_EDGES, 0),
            lambda f: bucket(f["train_count"], COUNT_EDGES),
        ),
        Slice(
            f"{prefix}position_in_sentence",
            f"by the {unit}'s position in the sentence",
            bucket_labels(SENTENCE_EDGES, 1),
            lambda f: bucket(f["position_in_sentence"] + 1, SENTENCE_EDGES),
        ),
        Slice(
            f"{prefix}position_in_document",
            f"by the {unit}'s position in the document",
            bucket_labels(DOCUMENT_EDGES, 1),
            lambda f: bucket(f["position"] + 1, DOCUMENT_EDGES),
        ),
        Slice(
            f"{prefix}repeated",
            f"known {unit}s: first mention in the document or repetition",
            MENTIONS,
            _repeated,
        ),
        Slice(
            f"{prefix}repeated_rare",
            f"rare {unit}s (1 to {RARE} times in the training text): first mention or repetition",
            MENTIONS,
            lambda f: np.where(f["train_count"] <= RARE, _repeated(f), -1),
        ),
    )


def _repeated(features: Columns) -> Array:
    """(N,) 0 for a first mention, 1 for a repetition.

    Unknown words are left out: they share one token, so that each would count as a repetition of the others.
    """
    return np.where(features["train_count"] > 0, features["repeated"].astype(np.int64), -1)


@dataclass(frozen=True)
class Part:
    """The L rows of one model in the table of a slice.

    Parameters
    ----------
    columns : dict of str to array of shape (L,)
        The columns before the figure.
    bits, sizes : array of shape (U, L)
        The numerators and denominators of the figure, by resampling unit.
    perplexity : array of shape (L,) or None
        By default 2 to the power of the figure.
    trainings : array of shape (S, L) or None
        The numerators of the whole text for each of S > 1 trainings.
    """

    slice: str
    model: ModelEntry
    columns: dict[str, Any]
    bits: Array
    sizes: Array
    perplexity: Array | None = None
    trainings: Array | None = None


class Crossed:
    """Sums of bits, crossed: by slice, by resampling unit and by model.

    Parameters
    ----------
    slices : sequence of Slice
    models : sequence of ModelEntry
        Models with the same tokens, or any if words are divided.
    units : Units
    """

    def __init__(self, slices: Sequence[Slice], models: Sequence[ModelEntry], units: Units) -> None:
        self._slices, self._models, self._units = slices, models, units
        self._sizes = {s.name: len(units) * len(s.labels) for s in slices}
        # the last cell collects the tokens that are left out
        self._counts = {name: np.zeros(size + 1, np.int64) for name, size in self._sizes.items()}
        self._bits = {name: np.zeros((len(models), size + 1)) for name, size in self._sizes.items()}
        self._trainings: dict[tuple[str, int], Array] = {}
        self._total = 0

    def add(self, features: Columns, unit: Array, bits: Sequence[Array]) -> None:
        """Add N tokens or words, given the resampling unit (N,), and for each model the bits (S, N) by training."""
        self._total += len(unit)
        for s in self._slices:
            place, size = s.place(features), self._sizes[s.name]
            cell = np.where(place >= 0, unit * len(s.labels) + place, size)
            self._counts[s.name] += np.bincount(cell, minlength=size + 1)
            groups = len(s.labels)
            for m, values in enumerate(bits):
                self._bits[s.name][m] += np.bincount(cell, values.mean(axis=0), minlength=size + 1)
                if len(values) > 1:
                    held = self._trainings.setdefault((s.name, m), np.zeros((len(values), groups + 1)))
                    group = np.where(place >= 0, place, groups)
                    held += np.stack([np.bincount(group, line, minlength=groups + 1) for line in values])

    def parts(self, counted: str) -> list[Part]:
        """Return the rows of every model in every slice; ``counted`` is "tokens" or "words"."""
        found = []
        for s in self._slices:
            shape = (len(self._units), len(s.labels))
            whole = self._counts[s.name][:-1].reshape(shape)
            place = np.flatnonzero(whole.sum(axis=0))
            number = whole.sum(axis=0)[place]
            labels = [s.labels[i] for i in place]
            columns = {"place": place, "value": labels, counted: number, "share": number / max(self._total, 1)}
            amounts = whole[:, place].astype(np.float64)
            for m, model in enumerate(self._models):
                bits = self._bits[s.name][m, :-1].reshape(shape)[:, place]
                held = self._trainings.get((s.name, m))
                trainings = None if held is None else held[:, place]
                found.append(Part(s.name, model, columns, bits, amounts, trainings=trainings))
        return found


def tables_of(parts: Sequence[Part], figure: str) -> dict[str, pd.DataFrame]:
    """Return the tables by the names of their slices; ``figure`` is the name of the column of ratios."""
    found: dict[str, list[pd.DataFrame]] = {}
    for part, (estimate, low, high) in zip(parts, _intervals([(p.bits, p.sizes) for p in parts]), strict=True):
        whose = {"model": part.model.name, "tokens_fingerprint": part.model.tokens_fingerprint}
        perplexity = exp2(estimate) if part.perplexity is None else part.perplexity
        measured = {figure: estimate, "low": low, "high": high, "perplexity": perplexity}
        found.setdefault(part.slice, []).append(pd.DataFrame(whose | part.columns | measured))
    return {
        name: pd.concat([t for t in tables if len(t)] or tables[:1], ignore_index=True)
        for name, tables in found.items()
    }


def _intervals(parts: Sequence[tuple[Array, Array]]) -> list[tuple[Array, Array, Array]]:
    """Return the (K,) ratios of numerators and denominators, (U, K) each, with the ends of their intervals.

    An infinite code length has no interval. Parts with equally many units are resampled together.
    """
    found: dict[int, tuple[Array, Array, Array]] = {}
    for units in {len(numerators) for numerators, _ in parts}:
        which = [i for i, (numerators, _) in enumerate(parts) if len(numerators) == units]
        stacked = (np.concatenate([parts[i][side] for i in which], axis=1) for side in (0, 1))
        edges = np.cumsum([parts[i][0].shape[1] for i in which])[:-1]
        pieces = (np.split(column, edges) for column in _interval(*stacked))
        found |= {i: (estimate, low, high) for i, estimate, low, high in zip(which, *pieces, strict=True)}
    return [found[i] for i in range(len(parts))]


def _interval(numerators: Array, denominators: Array) -> tuple[Array, Array, Array]:
    finite = np.asarray(np.isfinite(numerators).all(axis=0))
    estimate = np.full(len(finite), np.inf)
    low, high = np.full(len(finite), np.nan), np.full(len(finite), np.nan)
    if finite.any():
        found = ratio_bootstrap(numerators[:, finite], denominators[:, finite], resamples=RESAMPLES)
        estimate[finite] = found.estimate
        low[finite], high[finite] = found.interval(least_units=LEAST_UNITS)
    return estimate, low, high


def exp2(bits: Array) -> Array:
    """2 to the bits, infinite where that is too large."""
    with np.errstate(over="ignore"):
        return np.asarray(np.exp2(bits))
