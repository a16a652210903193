"""An experiment to a finished run folder, also on growing shares of its text; and what a run would do."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from lmcompare import corpora
from lmcompare.errors import OWN_TEMPORARY, LmcompareError, working_directory
from lmcompare.harness.cells.job import Job
from lmcompare.harness.cells.speed import time_alone
from lmcompare.harness.classics import described, run_classics
from lmcompare.harness.experiment import Experiment, FractionTable
from lmcompare.harness.manifest import manifest, names_in, read_earlier, say_what_is_replaced
from lmcompare.harness.meanwhile import Meanwhile
from lmcompare.harness.plan import Plan, begin, check_text
from lmcompare.harness.progress import Display
from lmcompare.harness.runner import Engine, runner_of
from lmcompare.harness.sweep import Study, cells_of, choose, forget_models, hand_over, sweep_row
from lmcompare.model import LanguageModel
from lmcompare.runfolder.guards import claim, end_replacements, locked, refuse_link
from lmcompare.runfolder.layout import FRACTIONS, MANIFEST, SEAL
from lmcompare.runfolder.manifest import Manifest, SweepRow, write_manifest
from lmcompare.runfolder.states import make_room_for_checkpoints, tidy_checkpoints


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
    report: Callable[[], None] | None = None,
) -> Outcome:
    """Run what is not finished yet, and write the manifest. The caller writes the reports.

    A finished cell is not lost: another configuration of its model gets another name (see ``manifest``), and a cell
    that replaces it is run beside it until it is finished itself.

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
    report : callable, optional
        Is called while the run goes on, at most three times, when a report of the models that are finished is worth
        it; the folder is locked.

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

        end_replacements(folder)
        earlier = read_earlier(folder, plan.text.entry.fingerprint, force, show)
        chosen, jobs = list[Job](), plan.other_jobs()
        names = names_in(folder, jobs, force, show, experiment.sweep)
        jobs = [_placed(replace(job, name=names[job.name]), force) for job in jobs]
        live = {names[name]: model for name, model in live.items()}

        def check(job: Job) -> None:
            if plan.models[job.asked["name"]].checks_text and not job.is_finished():
                check_text(job, live.get(job.name), experiment.time_limit)

        forecasters = []
        if _have_rivals(plan):
            forecasters = described(experiment.forecast.against, base or working_directory(), experiment.seconds)
        for study in plan.studies:
            plan.set_up(study, study.settings, check)
        for job in jobs:
            if job.seed == experiment.seeds[0]:
                check(job)
        tables = [table.model_copy(update={"name": names.get(table.name, table.name)}) for table in experiment.models]
        in_full = plan.tokens[experiment.tokens].table if experiment.tokens in plan.tokens else None
        asked = experiment.replace("the run", models=tables, tokens=in_full, sweep={})
        say_what_is_replaced(folder, jobs, force, show)
        if without := make_room_for_checkpoints(folder):
            show.say(without)
        trials = [job for study in plan.studies for setting in study.settings for job in setting.jobs]
        planned([job for job in (*trials, *jobs) if force or not job.is_finished()])
        failures: dict[str, str] = {}
        sweeps: list[SweepRow] = []

        def write(ended: Sequence[Job], waiting: Sequence[Job], left: float | None) -> Manifest:
            see_that_it_is_there()
            seconds = time.perf_counter() - started
            found = (asked, plan.text, ended, sweeps, plan.machine, earlier, folder, command, seconds, waiting, left)
            table = manifest(*found)
            if table.models or not (folder / MANIFEST).exists():
                write_manifest(folder, table)
            return table

        meanwhile = Meanwhile(lambda: runner.workers, write, report)
        meanwhile.expect(jobs)
        engine = Engine(runner, experiment.seconds, show, see_that_it_is_there, renew, meanwhile)
        try:
            meanwhile.look()
            for study in plan.studies:
                failures |= _tried(plan, study, check, partial(engine.run, force=force))
                best = choose(study, show)
                cells = cells_of(study.model, best or next(each for each in study.settings if each.jobs))
                names |= names_in(folder, cells, force, show, {*names.values(), *experiment.sweep} - {study.model})
                cells = [_placed(replace(cell, name=names[study.model]), force) for cell in cells]
                chosen += cells
                if best is None:
                    failures |= _none_was_chosen(cells, len(study.settings))
                    meanwhile.expect(cells)
                    for cell in cells:
                        meanwhile.saw(cell, {"event": "failed"})
                    continue
                sweeps.append(sweep_row(study, best, names[study.model]))
                for trial, cell in zip(best.jobs, cells, strict=True):
                    hand_over(trial, cell)
                forget_models(study.settings)
                failures |= engine.run(cells, force=False)  # the trials have been run again
            failures |= engine.run(jobs, live, force=force)
            if _have_rivals(plan):
                options = experiment.forecast.model_dump(mode="json", exclude={"against"})
                read, text = next(iter(plan.tokens.values())), plan.text.entry.fingerprint
                given = (folder, text, read.fingerprint, read.tokenizer, options, experiment.seconds, show)
                run_classics(forecasters, *given)
            renew()  # the last model may have damaged what the report reads
            if not aside and experiment.engine == "local":
                time_alone([job for job in (*jobs, *chosen) if meanwhile.has_finished(job)], show)
        finally:  # interrupted, too: the models that are finished can be used
            show.close()
            runner.close()
            tidy_checkpoints(folder)
            table = meanwhile.write(None)
            if not table.models:  # nothing is finished
                for name in (MANIFEST, SEAL):
                    (folder / name).unlink(missing_ok=True)
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


NO_EXAMPLES = {"prompts": (), "words": (), "sentences": 0}  # the report shows the examples of the whole text


def run_with_fractions(
    experiment: Experiment, folder: Path, *, show: Display, report: Callable[[], None] | None = None, **how: Any
) -> Outcome:
    """Run an experiment: first on each smaller share of the training text, if it has any, then on the whole.

    Vocabulary, tokenizer and sentences are learnt from each share anew, and a sweep chooses for each of them.

    Parameters
    ----------
    experiment, folder, show, report, **how
        As ``run`` takes them.

    Returns
    -------
    Outcome
        With the failures of all shares; those of the smaller ones are named "fractions/0.1: ngram/0".

    Raises
    ------
    LmcompareError
        For wrong input, before anything is trained, and for a share that holds too little text.
    """
    failures: dict[str, str] = {}
    if parts := smaller_parts(experiment):
        claim(folder)
        for place in parts:
            refuse_link(folder / place)
        for place, part in parts.items():
            show.say(f"With {100 * float(Path(place).name):g} % of the training text:")
            found = run(part, folder / place, show=show, aside=True, **how)
            failures |= {f"{place}: {cell}": error for cell, error in found.failures.items()}
        show.say("With the whole training text:")
    outcome = run(experiment, folder, show=show, report=report, **how)
    return Outcome(failures | outcome.failures, outcome.names)


def smaller_parts(experiment: Experiment) -> dict[str, Experiment]:
    """Return the experiment on each smaller share of its training text, by the place of its run within the folder.

    Raises ``LmcompareError`` for a text that can't be read several times.
    """
    if experiment.fractions and experiment.corpus.source == "-":
        raise LmcompareError(
            "standard input can be read only once, not for each fraction: write the text to a file and give its path"
        )
    return {f"{FRACTIONS}/{each.share:g}": _on(each, experiment) for each in experiment.fractions[:-1]}


def _on(fraction: FractionTable, experiment: Experiment) -> Experiment:
    """Return the experiment on a share of its training text, without what only a report shows."""
    share = fraction.share * (experiment.corpus.fraction or 1)
    return experiment.replace(
        f"the fraction {fraction.share:g}",
        corpus=asdict(experiment.corpus) | {"fraction": share},
        seeds=fraction.seeds,
        fractions=(),
        examples=NO_EXAMPLES,
        live="none",
        live_text=False,
    )


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


def _have_rivals(plan: Plan) -> bool:
    """Return whether methods of forecasting compete with the models of a run."""
    return any(tokens.entry.rules.rivals for tokens in plan.tokens.values())
