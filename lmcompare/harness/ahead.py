"""What a run would do: its cells, and which of them are finished, before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from lmcompare.harness import environment
from lmcompare.harness.describe import check_text, described
from lmcompare.harness.experiment import Experiment
from lmcompare.harness.job import Job
from lmcompare.harness.manifest import read_earlier
from lmcompare.harness.names import names_in
from lmcompare.harness.plan import jobs_of, tokens_of
from lmcompare.harness.progress import Display
from lmcompare.harness.reading import read
from lmcompare.harness.sweep import by_model, cells_of, choose, expanded, planned_jobs, settings_of
from lmcompare.runfolder.ownership import check_free


@dataclass(frozen=True)
class Ahead:
    """One cell of a run, or one setting of a sweep.

    Parameters
    ----------
    model : str
        The model's name in the experiment.
    job : Job
        The job; that of a setting which is not chosen yet stands for the model's.
    finished : bool
        Whether it is in the run folder.
    tried : int
        The number of settings of which it is, or will be, the chosen one; 0 of a model that is not swept and of the
        settings.
    """

    model: str
    job: Job
    finished: bool
    tried: int = 0


def look_ahead(
    experiment: Experiment, folder: Path, scratch: Path, *, base: Path | None, force: bool, show: Display
) -> list[Ahead]:
    """Return the cells of a run in their order, with the settings of its sweeps.

    Parameters
    ----------
    experiment, folder, base, force, show
        As in ``lmcompare.harness.run.run``. Nothing is written to the run folder.
    scratch : Path
        An empty folder, to which the tokens of the text are written: what ``in_scratch`` gives reads them there.

    Raises
    ------
    LmcompareError
        For wrong input, as the run would.
    """
    settings, whole = settings_of(experiment), experiment
    experiment = expanded(experiment, settings) if settings else experiment
    models = {table.name: described(table, experiment, base) for table in experiment.models}
    check_free(folder)
    wanted = tokens_of(experiment, models)
    kinds = tuple(dict.fromkeys(wanted.values()))
    text = read(experiment, kinds, scratch, base or Path(), force, show)
    read_earlier(folder, text.entry.fingerprint, force, show)
    made = dict(zip(kinds, text.tokens, strict=True))
    tokens = {name: made[table] for name, table in wanted.items()}
    machine = environment.chosen(experiment)
    tried, jobs = planned_jobs(jobs_of(experiment, text, folder, models, tokens, {}, machine, show), settings)
    trials = [job for setting in tried for job in setting.jobs]
    for job in (*trials, *jobs):
        if job.seed == experiment.seeds[0] and models[job.asked["name"]].checks_text:
            check_text(in_scratch(job, scratch), None, experiment.time_limit)
    names = names_in(folder, jobs, force, show, whole.sweep)
    found = [Ahead(each.model, job, job.is_finished() and not force) for each in tried for job in each.jobs]
    for model, of_model in by_model(tried).items():
        finished = not force and all(job.is_finished() for setting in of_model for job in setting.jobs)
        best = choose(of_model, Display()) if finished else None
        cells = cells_of(best or of_model[0])
        if best is not None:
            name = names_in(folder, cells, force, Display(), {*names.values(), *whole.sweep} - {model})[model]
            cells = [replace(cell, name=name) for cell in cells]
        found += [Ahead(model, cell, best is not None and cell.is_finished(), len(of_model)) for cell in cells]
    others = [(job.name, replace(job, name=names[job.name])) for job in jobs]
    return [*found, *(Ahead(name, job, job.is_finished() and not force) for name, job in others)]


def in_scratch(job: Job, scratch: Path) -> Job:
    """Return the job with the tokens of ``look_ahead``."""
    return replace(job, folder=str(scratch))
