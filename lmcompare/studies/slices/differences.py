"""How much models differ in each group of a slice, on the same tokens or words of the test text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from lmcompare.analysis.intervals import Bootstrap, holm, over_trainings, ratio_bootstrap
from lmcompare.runfolder.files import Array
from lmcompare.runfolder.run import Run, kept
from lmcompare.studies.slices.slices import TITLES, metadata_parts, token_parts
from lmcompare.studies.slices.tables import LEAST_UNITS, RESAMPLES, Part
from lmcompare.studies.slices.words import word_parts

PER_TEST = 40  # resamples a test: enough for the smallest p-value to stay significant after Holm's correction
CHUNK = 2**22  # deviations in memory at a time
Unit = Literal["token", "word"]


@dataclass(frozen=True)
class Divided:
    """The figures of M models in the L groups of a slice, and how much they differ.

    Parameters
    ----------
    name, title : str
        The name of the slice, and what divides the text.
    counted : {"tokens", "words", "documents"}
        Of tokens and words the figure is bits per token or word; of documents, bits per byte.
    models : tuple of str
        The names of the models, in the order given.
    places : array of shape (L,)
        The index of each group in its slice.
    labels : tuple of str
        The names of the groups.
    counts, share : array of shape (L,)
        How many tokens, words or documents are in a group, and its part of all tokens or words, or of the bytes.
    figures, reach : array of shape (M, L)
        The figures, and half the width of their 95 % intervals: NaN without one. Intervals are over the choice of the
        text and, of tokens and words, over trainings if there are several (see ``lmcompare.analysis.intervals``).
    apart : array of shape (M, M, L)
        Half the width of the 95 % interval of the difference of two figures, which is symmetric: NaN without one.
    """

    name: str
    title: str
    counted: str
    models: tuple[str, ...]
    places: Array
    labels: tuple[str, ...]
    counts: Array
    share: Array
    figures: Array
    reach: Array
    apart: Array

    def saved(self, baseline: int) -> Array:
        """(M, L) how many bits each model needs less than the baseline, by its index: positive if it is better."""
        return np.asarray(self.figures[baseline] - self.figures)

    def without(self, label: str) -> Divided:
        """Return a copy without the group of this label."""
        kept = np.array([other != label for other in self.labels])
        return replace(
            self,
            places=self.places[kept],
            labels=tuple(other for other in self.labels if other != label),
            counts=self.counts[kept],
            share=self.share[kept],
            figures=self.figures[:, kept],
            reach=self.reach[:, kept],
            apart=self.apart[:, :, kept],
        )

    def clear(self, baseline: int) -> Array:
        """(M, L) whether the 95 % interval of the difference excludes zero."""
        with np.errstate(invalid="ignore"):
            return np.asarray(np.abs(self.saved(baseline)) > self.apart[baseline])


@kept
def divided(run: Run, models: tuple[str, ...], unit: Unit, baselines: tuple[str, ...]) -> tuple[Divided, ...]:
    """Return every slice of tokens or words in which the models can be compared, and the slices by metadata.

    Parameters
    ----------
    run : Run
    models : tuple of str
        The names of M models; of the same tokens, if tokens are divided.
    unit : {"token", "word"}
        What is divided.
    baselines : tuple of str
        The models from which all others are subtracted.
    """
    return tuple(_divided(name, parts, baselines) for name, parts in _parts(run, models, unit))


def p_values(run: Run, models: tuple[str, ...], unit: Unit, name: str, baseline: str) -> Array:
    """(M, L) p-values of "the model and the baseline do not differ in this group", after Holm's correction for all of
    them, for the slice of this name; 1 for the baseline itself.
    """
    parts = dict(_parts(run, models, unit))[name]
    own = models.index(baseline)
    others = [m for m in range(len(models)) if m != own]
    groups = parts[0].sizes.shape[1]
    found = np.ones((len(models), groups))
    if others:
        bits = np.concatenate([parts[m].bits - parts[own].bits for m in others], axis=1)
        resamples = max(RESAMPLES, PER_TEST * bits.shape[1])
        sampled = ratio_bootstrap(bits, np.tile(parts[own].sizes, len(others)), resamples=resamples)
        squares, freedom = _over_trainings(parts)
        sampled = sampled.with_trainings(np.sqrt(squares[others] + squares[own]).ravel(), freedom)
        known = sampled.units >= LEAST_UNITS
        found[others] = holm(np.where(known, sampled.p_values(), 1.0)).reshape(len(others), groups)
    return found


def _parts(run: Run, models: Sequence[str], unit: Unit) -> Iterator[tuple[str, list[Part]]]:
    """Yield the name of each slice and its parts, one a model, for slices with at least two groups."""
    of_units = token_parts(run) if unit == "token" else word_parts(run)
    slices: dict[str, dict[str, Part]] = {}
    for part in (*of_units, *metadata_parts(run)):
        slices.setdefault(part.slice, {})[part.model.name] = part
    for name, parts in slices.items():
        if set(models) <= set(parts) and parts[models[0]].sizes.shape[1] > 1:
            chosen = [parts[model] for model in models]
            if all(np.isfinite(part.bits).all() for part in chosen):
                yield name, chosen


def _divided(name: str, parts: Sequence[Part], baselines: Sequence[str]) -> Divided:
    first, size, groups = parts[0], len(parts), parts[0].sizes.shape[1]
    pairs = [
        (i, j)
        for i in range(size)
        for j in range(i + 1, size)
        if not {parts[i].model.name, parts[j].model.name}.isdisjoint(baselines)
    ]
    columns = [part.bits for part in parts] + [parts[i].bits - parts[j].bits for i, j in pairs]
    squares, freedom = _over_trainings(parts)
    errors = np.sqrt([*squares, *(squares[i] + squares[j] for i, j in pairs)])
    found = list(_intervals(columns, first.sizes, errors, freedom))
    apart = np.full((size, size, groups), np.nan)
    for (i, j), (_, half) in zip(pairs, found[size:], strict=True):
        apart[i, j] = apart[j, i] = half
    counted = next(name for name in ("documents", "words", "tokens") if name in first.columns)
    amounts = first.sizes.sum(axis=0)
    return Divided(
        name=name,
        title=TITLES.get(name, f"by {name.partition(':')[2]}"),
        counted=counted,
        models=tuple(part.model.name for part in parts),
        places=np.asarray(first.columns["place"]),
        labels=tuple(str(label) for label in first.columns["value"]),
        counts=np.asarray(first.columns[counted]),
        share=np.asarray(first.columns.get("share", amounts / max(amounts.sum(), 1))),
        figures=np.stack([estimate for estimate, _ in found[:size]]),
        reach=np.stack([half for _, half in found[:size]]),
        apart=apart,
    )


def _over_trainings(parts: Sequence[Part]) -> tuple[Array, int]:
    """Return (M, L) the squared standard errors over trainings of the figures, and their degrees of freedom."""
    seeds = np.array([1 if part.trainings is None else len(part.trainings) for part in parts])
    variances = np.zeros((len(parts), parts[0].sizes.shape[1]))
    for m, part in enumerate(parts):
        if part.trainings is not None:
            variances[m] = (part.trainings / part.sizes.sum(axis=0)).var(axis=0, ddof=1)
    found = [over_trainings(of_group, seeds) for of_group in variances.T]
    return np.stack([squares for squares, _ in found], axis=1), max(freedom for _, freedom in found)


def _intervals(columns: Sequence[Array], sizes: Array, errors: Array, freedom: int) -> Iterator[tuple[Array, Array]]:
    """Yield the (L,) ratio of each of K (U, L) columns and half the width of its interval, a few at a time.

    ``errors`` (K, L) are the standard errors over trainings.
    """
    groups = sizes.shape[1]
    step = max(1, CHUNK // (RESAMPLES * groups))
    for first in range(0, len(columns), step):
        chosen = columns[first : first + step]
        sampled: Bootstrap = ratio_bootstrap(
            np.concatenate(chosen, axis=1), np.tile(sizes, len(chosen)), resamples=RESAMPLES
        )
        sampled = sampled.with_trainings(errors[first : first + step].ravel(), freedom)
        low, high = sampled.interval(least_units=LEAST_UNITS)
        yield from zip(np.split(sampled.estimate, len(chosen)), np.split((high - low) / 2, len(chosen)), strict=True)
