"""An experiment to a finished run folder."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from lmcompare import corpora
from lmcompare.errors import OWN_TEMPORARY, LmcompareError, working_directory
from lmcompare.harness.classics import described, run_classics
from lmcompare.harness.describe import check_text
from lmcompare.harness.engine import Engine
from lmcompare.harness.experiment import Experiment
from lmcompare.harness.job import Job
from lmcompare.harness.manifest import manifest, read_earlier
from lmcompare.harness.names import names_in, say_what_is_replaced
from lmcompare.harness.plan import Plan, begin
from lmcompare.harness.progress import Display
from lmcompare.harness.runner import runner_of
from lmcompare.harness.sweep import Study, cells_of, choose, forget_models, hand_over, sweep_row
from lmcompare.model import LanguageModel
from lmcompare.runfolder import checkpoints
from lmcompare.runfolder.manifest import SweepRow, write_manifest
from lmcompare.runfolder.seals import locked
from lmcompare.runfolder.stored import end_replacements


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run.

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
    aside: bool = False,
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
    aside : bool
        Whether the run serves another one, so that only studies measure its models that do so everywhere.

    Returns
    -------
    Outcome

    Raises
    ------
    LmcompareError
        For wrong input, before anything is trained.
    """
    started = time.perf_counter()
    folder = folder.resolve() if folder.is_symlink() else folder  # the user's own link to the folder is kept
    show, live = show or Display(), live or {}
    plan = begin(experiment, folder, base=base, force=force, show=show, corpus=corpus, live=live)
    plan = replace(plan, aside=aside)
    with locked(folder) as see_that_it_is_there:
        runner = runner_of(experiment, plan.machine, show)

        def renew() -> bool:
            see_that_it_is_there()
            return plan.renew_tokens(corpus)

        engine = Engine(runner, experiment.seconds, show, see_that_it_is_there, renew)
        end_replacements(folder)
        earlier = read_earlier(folder, plan.text.entry.fingerprint, force, show)
        chosen, jobs = list[Job](), plan.other_jobs()
        names = names_in(folder, jobs, force, show, experiment.sweep)
        jobs = [_placed(replace(job, name=names[job.name]), force) for job in jobs]
        live = {names[name]: model for name, model in live.items()}

        def check(job: Job) -> None:
            if plan.models[job.asked["name"]].checks_text and not job.is_finished():
                check_text(job, live.get(job.name), experiment.time_limit)

        against = experiment.forecast.against if plan.text.entry.series else ()
        forecasters = described(against, base or working_directory(), experiment.seconds)
        for study in plan.studies:
            plan.set_up(study, study.settings, check)
        for job in jobs:
            if job.seed == experiment.seeds[0]:
                check(job)
        tables = [table.model_copy(update={"name": names.get(table.name, table.name)}) for table in experiment.models]
        in_full = plan.tokens[experiment.tokens].table if experiment.tokens in plan.tokens else None
        asked = experiment.replace("the run", models=tables, tokens=in_full, sweep={})
        say_what_is_replaced(folder, jobs, force, show)
        if without := checkpoints.make_room(folder):
            show.say(without)
        trials = [job for study in plan.studies for setting in study.settings for job in setting.jobs]
        planned([job for job in (*trials, *jobs) if force or not job.is_finished()])
        failures: dict[str, str] = {}
        sweeps: list[SweepRow] = []
        try:
            for study in plan.studies:
                failures |= _tried(plan, study, check, partial(engine.run, force=force))
                best = choose(study, show)
                cells = cells_of(study.model, best or next(each for each in study.settings if each.jobs))
                names |= names_in(folder, cells, force, show, {*names.values(), *experiment.sweep} - {study.model})
                cells = [_placed(replace(cell, name=names[study.model]), force) for cell in cells]
                chosen += cells
                if best is None:
                    failures |= _none_was_chosen(cells, len(study.settings))
                    continue
                sweeps.append(sweep_row(study, best, names[study.model]))
                for trial, cell in zip(best.jobs, cells, strict=True):
                    hand_over(trial, cell)
                forget_models(study.settings)
                failures |= engine.run(cells, force=False)  # the trials have been run again
            failures |= engine.run(jobs, live, force=force)
            if plan.text.entry.series:
                options = experiment.forecast.model_dump(mode="json", exclude={"against"})
                read, text = next(iter(plan.tokens.values())), plan.text.entry.fingerprint
                given = (folder, text, read.fingerprint, read.tokenizer, options, experiment.seconds, show)
                run_classics(forecasters, *given)
            renew()  # the last model may have damaged what the report reads
        finally:  # interrupted, too: the models that are finished can be used
            show.close()
            runner.close()
            checkpoints.tidy(folder)
            see_that_it_is_there()
            seconds = time.perf_counter() - started
            done = [*jobs, *chosen]
            table = manifest(asked, plan.text, done, sweeps, plan.machine, earlier, folder, command, seconds)
            if table.models:
                write_manifest(folder, table)
        if failures and not table.models:  # not even a failed cell could be stored
            sentences = "; ".join(f"{cell}: {error}" for cell, error in failures.items())
            raise LmcompareError(f"none of the cells could be stored in {folder}: {sentences}")
    return Outcome(failures, names)


@contextmanager
def folder_for(out: Path | None) -> Iterator[Path]:
    """Yield the run folder: ``out``, or by default a temporary one, which is removed if an error ends the context."""
    if out is not None:
        yield out
        return
    made = Path(tempfile.mkdtemp(prefix=OWN_TEMPORARY))
    try:
        yield made / "run"  # checkpoints are beside it
    except BaseException:  # interrupted, too
        shutil.rmtree(made, ignore_errors=True)
        raise


def _tried(
    plan: Plan, study: Study, check: Callable[[Job], None], run_cells: Callable[[Sequence[Job]], dict[str, str]]
) -> dict[str, str]:
    """Run the trials of a sweep, batch by batch; return by "name/seed" why trials failed."""
    failures: dict[str, str] = {}
    batch = study.settings
    while batch:
        failures |= run_cells([job for setting in batch for job in setting.jobs])
        study.tell()
        batch = study.ask()
        plan.set_up(study, batch, check)
    return failures


def _placed(job: Job, force: bool) -> Job:
    """Return the job, to be run beside its place if it replaces a finished cell there."""
    there = job.stored()
    return replace(job, aside=there.get("status") == "done" and (force or there.get("key") != job.key))


def _none_was_chosen(cells: Sequence[Job], settings: int) -> dict[str, str]:
    """Record that a model failed because no setting of its sweep can be chosen; return why, by "name/seed"."""
    error = (
        f"none of its {settings} settings can be chosen: each has a training that failed, or gives a token of the"
        " validation text the probability 0"
    )
    for cell in cells:
        if not cell.aside:
            cell.fail(error)
    return {f"{cell.name}/{cell.seed}": error for cell in cells}
