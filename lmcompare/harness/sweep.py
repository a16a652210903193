"""Sweeps: several values of the hyper-parameters of a model, of which the validation text chooses.

A setting of the grid is a job like any other, except that it is scored on the validation text alone. The trained
model of the setting that is chosen becomes a cell of the run, which then is scored on the test text.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare.errors import LmcompareError
from lmcompare.harness.experiment import Experiment
from lmcompare.harness.job import Job
from lmcompare.harness.names import LONGEST, plain, worded
from lmcompare.harness.progress import Display
from lmcompare.runfolder.manifest import SweepRow, TrialRow
from lmcompare.runfolder.ownership import make_way, remove_written
from lmcompare.runfolder.sweeps import mean_bits_per_byte, read_valid

MOST = 1000  # settings of one model: each of them is trained


@dataclass(frozen=True)
class Setting:
    """One setting of the grid of a model.

    Parameters
    ----------
    model : str
        The model's name in the experiment.
    values : dict
        The hyper-parameters that the sweep varies.
    jobs : tuple of Job
        Its trials, one for each seed; empty before they are planned.
    """

    model: str
    values: dict[str, Any]
    jobs: tuple[Job, ...] = ()

    @property
    def said(self) -> str:
        """The setting in words."""
        return ", ".join(f"{key}={worded(value)}" for key, value in self.values.items())

    @property
    def bits_per_byte(self) -> float:
        """The mean over its seeds on the validation text; infinite if it can't be chosen, as one of them failed."""
        if not all(job.is_finished() for job in self.jobs):
            return math.inf
        found = [read_valid(job.path) for job in self.jobs]
        return mean_bits_per_byte(np.array([bits for bits, _ in found]), found[0][1])


def settings_of(experiment: Experiment) -> dict[str, Setting]:
    """Return the settings of all grids by a name for each.

    Raises ``LmcompareError`` for a grid of too many settings.
    """
    settings: dict[str, Setting] = {}
    taken = {table.name for table in experiment.models}
    for model, grid in experiment.sweep.items():
        if (size := math.prod(map(len, grid.values()))) > MOST:
            raise LmcompareError(f"the sweep of '{model}' has {size} settings: give at most {MOST}")
        for number, values in enumerate(product(*grid.values())):
            setting = Setting(model, dict(zip(grid, values, strict=True)))
            name = "-".join([model, *(plain(f"{key}-{worded(value)}") for key, value in setting.values.items())])
            if name in taken or len(name) > LONGEST:
                name = f"{name[:LONGEST]}-{number}"
            taken.add(name)
            settings[name] = setting
    return settings


def expanded(experiment: Experiment, settings: Mapping[str, Setting]) -> Experiment:
    """Return the experiment with a model for each setting in place of the models that are swept."""
    tables: list[dict[str, Any]] = []
    for table in experiment.models:
        of_model = {name: each for name, each in settings.items() if each.model == table.name}
        whole = table.model_dump()
        tables += [{**whole, "name": name, **each.values} for name, each in of_model.items()] or [whole]
    return experiment.replace("the sweep", models=tables, sweep={})


def planned_jobs(jobs: Sequence[Job], settings: Mapping[str, Setting]) -> tuple[list[Setting], list[Job]]:
    """Divide jobs into the settings with their trials, and the jobs of models that are not swept."""
    trials = [
        replace(each, jobs=tuple(replace(job, trial=True) for job in jobs if job.name == name))
        for name, each in settings.items()
    ]
    return trials, [job for job in jobs if job.name not in settings]


def by_model(settings: Sequence[Setting]) -> dict[str, list[Setting]]:
    """Return the settings of each model by its name."""
    return {model: [s for s in settings if s.model == model] for model in dict.fromkeys(s.model for s in settings)}


def choose(settings: Sequence[Setting], show: Display) -> Setting | None:
    """Return the setting of a model with the fewest bits per byte of validation text, the first of equal ones.

    None if every setting has a trial that failed, or gives some token the probability 0.
    """
    best = min(settings, key=lambda setting: setting.bits_per_byte)
    if math.isinf(best.bits_per_byte):
        return None
    show.say(
        f"{best.model}: {best.said} is chosen of {len(settings)} settings, with {best.bits_per_byte:.4f} bits per"
        " byte on validation text."
    )
    return best


def cells_of(setting: Setting) -> list[Job]:
    """Return the jobs that score a setting as the model that it was tried for."""
    model = setting.model
    return [replace(job, trial=False, name=model, asked={**job.asked, "name": model}) for job in setting.jobs]


def hand_over(trial: Job, job: Job) -> None:
    """Give the cell of the chosen setting the model that its trial has trained, if it is still there."""
    if job.is_finished() or not (trial.path / "model" / "trained.json").is_file():
        return
    make_way(job.path / "cell.json", Path(job.folder))
    remove_written(job.path, within="model")
    job.path.mkdir(parents=True, exist_ok=True)
    if (job.path / "model").exists():  # with files of the user: it is trained again
        return
    shutil.copyfile(trial.path / "curve.csv", job.path / "curve.csv")
    (trial.path / "model").rename(job.path / "model")


def forget_models(settings: Sequence[Setting]) -> None:
    """Remove the trained models of trials: their figures stay."""
    for setting in settings:
        for job in setting.jobs:
            remove_written(job.path, within="model")


def sweep_row(best: Setting, settings: Sequence[Setting], grid: Mapping[str, Sequence[Any]], name: str) -> SweepRow:
    """Return the manifest's row of the sweep that chose a model, which has this name in the folder."""
    trials = (
        TrialRow(each.values, tuple(job.seed for job in each.jobs), tuple(job.place for job in each.jobs))
        for each in settings
    )
    values = {key: tuple(values) for key, values in grid.items()}
    return SweepRow(name, best.jobs[0].identity, values, best.values, tuple(trials))
