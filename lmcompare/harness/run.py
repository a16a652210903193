"""An experiment to a finished run folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lmcompare import corpora
from lmcompare.harness import environment
from lmcompare.harness.describe import Described, check_text, described
from lmcompare.harness.engine import Engine
from lmcompare.harness.experiment import Experiment
from lmcompare.harness.job import Job
from lmcompare.harness.manifest import manifest, read_earlier
from lmcompare.harness.names import names_in, say_what_is_replaced
from lmcompare.harness.plan import jobs_of, tokens_of
from lmcompare.harness.progress import Display
from lmcompare.harness.reading import read
from lmcompare.harness.sweep import (
    by_model,
    cells_of,
    choose,
    expanded,
    forget_models,
    hand_over,
    planned_jobs,
    settings_of,
    sweep_row,
)
from lmcompare.model import LanguageModel
from lmcompare.runfolder import checkpoints
from lmcompare.runfolder.layout import MANIFEST
from lmcompare.runfolder.manifest import SweepRow, write_manifest
from lmcompare.runfolder.ownership import check_free, make_way
from lmcompare.runfolder.seals import locked
from lmcompare.runfolder.stored import end_replacements


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Parameters
    ----------
    failures : dict of str to str
        By "name/seed", why a cell failed. A plug-in that raises an error fails its own cell only.
    names : dict of str to str
        By the names of the experiment's models, the names that they have in the folder.
    """

    failures: dict[str, str]
    names: dict[str, str]


def run(
    experiment: Experiment,
    folder: Path,
    *,
    base: Path | None = None,
    force: bool = False,
    show: Display | None = None,
    corpus: corpora.Corpus | None = None,
    live: Mapping[str, LanguageModel] | None = None,
    command: str = "",
    planned: Callable[[Sequence[Job]], object] = lambda jobs: None,
) -> Outcome:
    """Run what is not finished yet, and write the manifest. The caller writes the reports.

    A finished cell is not lost: another configuration of its model gets another name (see ``names``), and a cell that
    replaces it is run beside it until it is finished itself.

    Parameters
    ----------
    experiment : Experiment
        What to run.
    folder : Path
        The run folder.
    base : Path, optional
        What relative paths of the experiment are relative to; by default the current folder.
    force : bool
        Whether finished cells are run again, and replace those of their names that have another configuration.
    show : Display, optional
        Is told of the progress.
    corpus : Corpus, optional
        A loaded corpus in place of the experiment's.
    live : Mapping, optional
        By model name, untrained model objects, which are trained in this process.
    command : str
        The command that started the run, for the manifest.
    planned : callable
        Is called with the jobs that are not finished, before the first of them is run.

    Returns
    -------
    Outcome

    Raises
    ------
    LmcompareError
        For wrong input, before anything is trained.
    """
    started = time.perf_counter()
    folder = folder.resolve() if folder.is_symlink() else folder  # the user's own link to it is left as it is
    show, live = show or Display(), live or {}
    settings, whole = settings_of(experiment), experiment
    experiment = expanded(experiment, settings) if settings else experiment
    models = {
        table.name: Described.of(table.name, table.plugin, live[table.name])
        if table.name in live
        else described(table, experiment, base)
        for table in experiment.models
    }
    machine = environment.chosen(experiment)
    check_free(folder)
    wanted = tokens_of(experiment, models)
    kinds = tuple(dict.fromkeys(wanted.values()))
    text = read(experiment, kinds, folder, base or Path(), force, show, corpus)
    made = dict(zip(kinds, text.tokens, strict=True))
    with locked(folder) as see_that_it_is_there:
        engine = Engine(folder, experiment.workers, experiment.seconds, show, see_that_it_is_there)
        end_replacements(folder)
        earlier = read_earlier(folder, text.entry.fingerprint, force, show)
        tokens = {name: made[table] for name, table in wanted.items()}
        jobs = jobs_of(experiment, text, folder, models, tokens, live, machine, show)
        tried, jobs = planned_jobs(jobs, settings)
        trials, chosen = [job for setting in tried for job in setting.jobs], list[Job]()
        names = names_in(folder, jobs, force, show, whole.sweep)
        jobs = [_placed(replace(job, name=names[job.name]), force) for job in jobs]
        live = {names[name]: model for name, model in live.items()}
        for job in (*trials, *jobs):
            first = job.seed == experiment.seeds[0]
            if first and models[job.asked["name"]].checks_text and not job.is_finished():
                with engine.watched(job):
                    check_text(job, live.get(job.name), experiment.time_limit)
        tables = [table.model_copy(update={"name": names.get(table.name, table.name)}) for table in experiment.models]
        in_full = made[experiment.tokens].table if experiment.tokens in made else None
        experiment = experiment.replace("the run", models=tables, tokens=in_full)
        say_what_is_replaced(folder, jobs, force, show)
        if without := checkpoints.make_room(folder):
            show.say(without)
        planned([job for job in (*trials, *jobs) if force or not job.is_finished()])
        failures: dict[str, str] = {}
        sweeps: list[SweepRow] = []
        try:
            failures |= engine.run(trials, force=force)
            for model, of_model in by_model(tried).items():
                best = choose(of_model, show)
                cells = cells_of(best or of_model[0])
                names |= names_in(folder, cells, force, show, {*names.values(), *whole.sweep} - {model})
                cells = [_placed(replace(cell, name=names[model]), force) for cell in cells]
                chosen += cells
                if best is None:
                    failures |= _none_was_chosen(cells, len(of_model))
                    continue
                sweeps.append(sweep_row(best, of_model, whole.sweep[model], names[model]))
                for trial, cell in zip(best.jobs, cells, strict=True):
                    hand_over(trial, cell)
                forget_models(of_model)
                failures |= engine.run(cells, force=False)  # what was tried has been run again
            failures |= engine.run(jobs, live, force=force)
        finally:  # interrupted, too: the models that are finished can be used
            show.close()
            see_that_it_is_there()
            checkpoints.tidy(folder)
            seconds = time.perf_counter() - started
            table = manifest(experiment, text, [*jobs, *chosen], sweeps, machine, earlier, folder, command, seconds)
            if table.models:
                make_way(folder / MANIFEST, folder)
                write_manifest(folder, table)
    return Outcome(failures, names)


def _placed(job: Job, force: bool) -> Job:
    """Return the job: beside its place if a finished cell is there that it is to replace."""
    there = job.stored()
    return replace(job, aside=there.get("status") == "done" and (force or there.get("key") != job.key))


def _none_was_chosen(cells: Sequence[Job], settings: int) -> dict[str, str]:
    """Record that a model failed as no setting of its sweep can be chosen; return why by "name/seed"."""
    error = (
        f"none of its {settings} settings can be chosen: each has a training that failed, or gives a token of the"
        " validation text the probability 0"
    )
    for cell in cells:
        if not cell.aside:
            cell.fail(error)
    return {f"{cell.name}/{cell.seed}": error for cell in cells}
