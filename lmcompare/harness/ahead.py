"""What a run would do: its cells, and which of them are finished, before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from lmcompare.harness.describe import check_text
from lmcompare.harness.experiment import Experiment
from lmcompare.harness.job import Job
from lmcompare.harness.manifest import read_earlier
from lmcompare.harness.names import names_in
from lmcompare.harness.plan import begin
from lmcompare.harness.progress import Display
from lmcompare.harness.sweep import cells_of, choose


@dataclass(frozen=True)
class Ahead:
    """One cell of a run, or one setting of a sweep.

    Parameters
    ----------
    model : str
        The model's name in the experiment.
    job : Job
        The job of the model; before a setting is chosen, the job of one of its settings.
    finished : bool
        Whether it is in the run folder.
    tried : int
        From how many settings it is, or will be, chosen; 0 for a setting, and for a model that is not swept.
    later : int
        The number of later settings that it stands for: a search proposes them when it knows how good the earlier
        ones are. 0 of a cell and of a setting that is known.
    """

    model: str
    job: Job
    finished: bool
    tried: int = 0
    later: int = 0


def look_ahead(
    experiment: Experiment, folder: Path, scratch: Path, *, base: Path | None, force: bool, show: Display
) -> list[Ahead]:
    """Return the cells of a run in their order, with the settings of its sweeps.

    Parameters
    ----------
    experiment, folder, base, force, show
        As in ``lmcompare.harness.run.run``. Nothing is written to the run folder.
    scratch : Path
        An empty folder, to which the tokens of the text are written: the jobs that ``in_scratch`` returns read them
        there.

    Raises
    ------
    LmcompareError
        For wrong input, as the run would.
    """
    plan = begin(experiment, folder, base=base, force=force, show=show, scratch=scratch)
    read_earlier(folder, plan.text.entry.fingerprint, force, show)

    def check(job: Job) -> None:
        if plan.models[job.asked["name"]].checks_text:
            check_text(in_scratch(job, scratch), None, experiment.time_limit)

    jobs = plan.other_jobs()
    for job in jobs:
        if job.seed == experiment.seeds[0]:
            check(job)
    names = names_in(folder, jobs, force, show, experiment.sweep)
    found: list[Ahead] = []
    for study in plan.studies:
        plan.set_up(study, study.settings, check)
        batch = study.settings
        while batch and not force and all(setting.is_finished for setting in batch):
            study.tell()
            batch = study.ask()
            plan.set_up(study, batch, check)
        there = [setting for setting in study.settings if setting.jobs]
        found += [Ahead(study.model, job, job.is_finished() and not force) for each in there for job in each.jobs]
        if study.left:
            found += [Ahead(study.model, job, False, later=study.left) for job in there[-1].jobs]
        best = None if batch else choose(study, Display())
        cells = cells_of(study.model, best or there[0])
        if best is not None:
            taken = {*names.values(), *experiment.sweep} - {study.model}
            name = names_in(folder, cells, force, Display(), taken)[study.model]
            cells = [replace(cell, name=name) for cell in cells]
        tried = len(study.settings) + study.left
        found += [Ahead(study.model, cell, best is not None and cell.is_finished(), tried) for cell in cells]
    others = [(job.name, replace(job, name=names[job.name])) for job in jobs]
    return [*found, *(Ahead(name, job, job.is_finished() and not force) for name, job in others)]


def in_scratch(job: Job, scratch: Path) -> Job:
    """Return the job with ``scratch``, to which ``look_ahead`` wrote the tokens, as its run folder."""
    return replace(job, folder=str(scratch))
