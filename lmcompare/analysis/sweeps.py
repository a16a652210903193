"""What a sweep found on the validation text: each setting with its interval, and how much choosing flatters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lmcompare.analysis.comparison import bootstrap, over_seeds
from lmcompare.analysis.intervals import LEAST_UNITS, resample_counts
from lmcompare.analysis.metrics import cost_of_trainings
from lmcompare.runfolder.cell import Sweep, Trial
from lmcompare.runfolder.files import Array

RESAMPLES = 2_000


@dataclass(frozen=True)
class Tried:
    """One setting of a sweep, with means over its trainings.

    Parameters
    ----------
    valid_bits_per_byte, low, high : float or None
        On the validation text, with the 95 % interval; None without a finite figure, or without an interval.
    parameters, train_seconds : float or None
        None if they are not known.
    chosen : bool
        Whether it was chosen.
    error : str or None
        Why it could not be chosen, as a training failed.
    """

    setting: Mapping[str, Any]
    valid_bits_per_byte: float | None
    low: float | None
    high: float | None
    parameters: float | None
    train_seconds: float | None
    chosen: bool
    error: str | None


def tried(sweep: Sweep) -> list[Tried]:
    """Return the settings of a sweep, in the order in which they were tried."""
    intervals = _intervals([trial for trial in sweep.trials if _is_comparable(trial)])
    rows = []
    for trial in sweep.trials:
        figure = trial.bits_per_byte
        low, high = intervals.get(id(trial), (None, None))
        parameters, seconds = (
            cost_of_trainings(key, [cost[key] for cost in trial.costs]) for key in ("parameters", "train_seconds")
        )
        known = figure if np.isfinite(figure) else None
        chosen = trial.setting == sweep.chosen
        rows.append(Tried(trial.setting, known, low, high, parameters, seconds, chosen, trial.error))
    return rows


def listed(sweep: Sweep) -> dict[str, Any]:
    """Return all figures of a sweep as a table for JSON; docs/metrics.md defines every key."""
    return {
        "model": sweep.name,
        "varied": dict(sweep.varied),
        "search": dict(sweep.search),
        "chosen": dict(sweep.chosen),
        "flattered_by": flattery(sweep),
        "trials": [asdict(row) for row in tried(sweep)],
    }


def flattery(sweep: Sweep, resamples: int = RESAMPLES, seed: int = 0) -> float | None:
    """Return by about how many bits per byte, at most, the chosen setting's figure on the validation text is too low.

    Documents are resampled, the best setting is chosen on the resample, and its figure there is compared with that
    on the documents that are left out, both as differences from the mean of all settings, whose figures are not
    chosen. The truth is less (docs/sweeps.md has figures): a resample repeats the accidents of the sample, and the
    documents that are left out have the opposite ones. None with fewer than two settings, or too few documents.
    """
    trials = [trial for trial in sweep.trials if _is_comparable(trial)]
    sizes = trials[0].bytes if trials else np.zeros(0)
    units = np.flatnonzero(sizes)
    if len(trials) < 2 or len(units) < LEAST_UNITS:
        return None
    bits, sizes = _bits(trials)[units], sizes[units, None]
    gaps: list[float] = []
    for counts in resample_counts(len(units), resamples, np.random.default_rng(seed)):  # (B, D)
        out = (counts == 0).astype(np.float64)
        some = out.any(axis=1)
        within = (counts @ bits / (counts @ sizes))[some]  # (B, K)
        without = (out @ bits)[some] / (out @ sizes)[some]
        best = within.argmin(axis=1)
        rows = np.arange(len(best))
        gaps += ((without[rows, best] - without.mean(axis=1)) - (within[rows, best] - within.mean(axis=1))).tolist()
    return max(0.0, float(np.mean(gaps)))


def _is_comparable(trial: Trial) -> bool:
    return trial.error is None and bool(np.isfinite(trial.bits_per_byte))


def _bits(trials: list[Trial]) -> Array:
    """(D, K) the charged bits of each document, averaged over the trainings."""
    return np.stack([trial.bits.mean(axis=0) for trial in trials], axis=1)


def _intervals(trials: list[Trial]) -> dict[int, tuple[float | None, float | None]]:
    """Return the intervals over documents and trainings by the identity of the trial, without those that are NaN."""
    if not trials:
        return {}
    sizes = trials[0].bytes
    trainings = [over_seeds(trial.bits.sum(axis=1), float(sizes.sum())) for trial in trials]
    low, high = bootstrap(_bits(trials), sizes, trainings, range(len(trials))).interval()
    return {
        id(trial): (float(a), float(b)) if np.isfinite([a, b]).all() else (None, None)
        for trial, a, b in zip(trials, low, high, strict=True)
    }
