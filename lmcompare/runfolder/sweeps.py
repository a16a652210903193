"""The sweeps of a run: which settings were tried for a model, and their figures on the validation text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare.runfolder.contents import check_contents
from lmcompare.runfolder.files import RunFolderError, read_object
from lmcompare.runfolder.layout import COST_KEYS, TRIAL_FILES
from lmcompare.runfolder.manifest import SweepRow
from lmcompare.runfolder.parquet import Array
from lmcompare.runfolder.seals import check_sealed
from lmcompare.runfolder.stored import read_cell


@dataclass(frozen=True)
class Trial:
    """One setting of a sweep with its S finished trainings, scored on the D documents of the validation text.

    Parameters
    ----------
    setting : mapping
        What the sweep varies.
    bits : array of shape (S, D)
        The charged bits of each document.
    bytes : array of shape (D,)
        The bytes of each document.
    costs : tuple of mappings
        The contents of cost.json, for each training.
    error : str or None
        Why a training failed: such a setting is not chosen.
    """

    setting: Mapping[str, Any]
    bits: Array
    bytes: Array
    costs: tuple[Mapping[str, Any], ...]
    error: str | None

    @property
    def bits_per_byte(self) -> float:
        """The mean over the trainings, infinite where one gives a token the probability 0; NaN without any."""
        return mean_bits_per_byte(self.bits, self.bytes)


@dataclass(frozen=True)
class Sweep:
    """The settings that were tried for a model, in their order, and which of them was chosen.

    Parameters
    ----------
    varied, search : mapping
        As ``grid`` and ``search`` of the manifest's ``SweepRow``.
    """

    name: str
    chosen: Mapping[str, Any]
    trials: tuple[Trial, ...]
    varied: Mapping[str, Any] = field(default_factory=dict)
    search: Mapping[str, Any] = field(default_factory=dict)


def mean_bits_per_byte(bits: Array, sizes: Array) -> float:
    """Return the mean of the bits per byte of S trainings, (S, D), on D documents of these sizes; NaN without any."""
    return float((bits.sum(axis=1) / sizes.sum()).mean()) if len(bits) and sizes.sum() else float("nan")


def read_valid(path: Path) -> tuple[Array, Array]:
    """Return what the D documents of the validation text cost in a trial, and their bytes, (D,) each."""
    table = read_object(path / "valid.json", "bits", "bytes")
    check_contents(path / "valid.json", table)
    bits = [np.inf if each is None else each for each in table["bits"]]
    if len(bits) != len(table["bytes"]):
        raise RunFolderError(f"{path / 'valid.json'} is damaged: run the same command again")
    return np.array(bits, np.float64), np.array(table["bytes"], np.float64)


def read_sweep(folder: Path, row: SweepRow) -> Sweep:
    """Return a sweep of a run folder. A trial whose files are missing or damaged counts as failed."""
    trials = []
    for each in row.trials:
        found, costs, error = [], [], each.refused or None
        for place in each.cells:
            path = folder / place
            cell = read_cell(path)
            try:
                if cell.get("status") != "done":
                    raise RunFolderError(str(cell.get("error") or "it was not run to its end"))
                check_sealed(path, TRIAL_FILES)
                cost = read_object(path / "cost.json", *COST_KEYS)
                check_contents(path / "cost.json", cost)
                found.append(read_valid(path))
                costs.append(cost)
            except RunFolderError as why:
                error = str(why).replace(f"{path}/", "")
        sizes = found[0][1] if found else np.zeros(0)
        bits = [own for own, other in found if np.array_equal(sizes, other)]
        trials.append(Trial(each.setting, np.reshape(bits, (len(bits), len(sizes))), sizes, tuple(costs), error))
    return Sweep(row.name, row.chosen, tuple(trials), row.grid, row.search)
