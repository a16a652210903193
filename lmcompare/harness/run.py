"""An experiment to a finished run folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from pydantic_core import to_jsonable_python

from lmcompare import corpora
from lmcompare.errors import LmcompareError, what_went_wrong
from lmcompare.harness import environment
from lmcompare.harness.cell import run_cell
from lmcompare.harness.experiment import Experiment
from lmcompare.harness.job import Job
from lmcompare.harness.manifest import manifest, read_earlier
from lmcompare.harness.plan import built, jobs_of
from lmcompare.harness.progress import Display
from lmcompare.model import LanguageModel
from lmcompare.processes import Emit, EndedError, TimeLimitError, call
from lmcompare.runfolder.files import write_json, write_text
from lmcompare.runfolder.layout import JOINED, MANIFEST
from lmcompare.runfolder.seals import locked, seal

LOG = "log.txt"  # in a cell's folder: the output of its process; removed when the cell is done


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
) -> dict[str, str]:
    """Run what is not finished yet, and write the manifest. The caller writes the reports.

    Parameters
    ----------
    experiment : Experiment
        What to run.
    folder : Path
        The run folder. What is finished there is kept.
    base : Path, optional
        What relative paths of the experiment are relative to; by default the current folder.
    force : bool
        Whether finished cells are run again.
    show : Display, optional
        Is told of the progress.
    corpus : Corpus, optional
        A loaded corpus in place of the experiment's.
    live : Mapping, optional
        By model name, untrained model objects, which are trained in this process.
    command : str
        The command that started the run, for the manifest.

    Returns
    -------
    dict of str to str
        By "name/seed", why a cell failed. A plug-in that raises an error fails its own cell only.

    Raises
    ------
    LmcompareError
        For wrong input, before anything is trained.
    """
    started = time.perf_counter()
    show, live = show or Display(), live or {}
    models = {table.name: built(table, experiment, base, live) for table in experiment.models}
    machine = environment.chosen(experiment)
    if corpus is None:
        show.say(f"Reading {experiment.corpus.source or 'the given split'} …")
        corpus = corpora.load(experiment.corpus.where, experiment.corpus, base=base)
    for sentence in corpus.said:
        show.say(sentence)
    _claim(folder)
    with locked(folder):
        earlier = read_earlier(folder, corpus, force, show)
        jobs, tokenized = jobs_of(experiment, corpus, folder, models, live, machine, show)
        try:
            failures = _run_cells(jobs, live, experiment.time_limit, force, show)
        finally:
            show.close()
        seconds = time.perf_counter() - started
        table = manifest(experiment, corpus, jobs, tokenized, earlier, folder, command, seconds)
        write_json(folder / MANIFEST, to_jsonable_python(table))
        seal(folder, (MANIFEST,))
    return failures


def _claim(folder: Path) -> None:
    """Make the output folder and see that it can be written to, before hours are spent."""
    if "\0" in str(folder):
        raise LmcompareError(f"{str(folder)!r} can be no folder's name: choose another --out")
    if folder.exists() and not folder.is_dir():
        raise LmcompareError(f"{folder} is a file, not a folder: choose another --out")
    if (folder / JOINED).exists():
        raise LmcompareError(f"{folder} holds a report of several runs: choose another --out")
    write_text(folder / ".probe", "")
    (folder / ".probe").unlink()


def _run_cells(
    jobs: Sequence[Job], live: Mapping[str, LanguageModel], seconds: float | None, force: bool, show: Display
) -> dict[str, str]:
    """Run the cells that are not finished; return by "name/seed" why a cell failed."""
    failures = {}
    several = len({job.seed for job in jobs}) > 1
    show.plan([f"{job.name} (seed {job.seed})" if several else job.name for job in jobs])
    for index, job in enumerate(jobs):
        if force:
            job.reopen()
            for stale in ("model", "checkpoints"):
                shutil.rmtree(job.path / stale, ignore_errors=True)
        if job.is_finished() and job.has_examples():
            (job.path / LOG).unlink(missing_ok=True)  # of a run that was killed at its very end
            show.event(index, {"event": "stage", "stage": "kept"})
            continue
        if (damaged := job.damage()) is not None:
            show.say(f"{job.path / damaged} is damaged or lost: what depends on it is made anew.")
        show.event(index, {"event": "stage", "stage": "starting"})
        error = _run_one(job, live.get(job.name), seconds, partial(show.event, index))
        if error is None:
            show.event(index, {"event": "done"})
        else:
            job.fail(error)
            failures[f"{job.name}/{job.seed}"] = error
            show.event(index, {"event": "failed", "error": error})
    return failures


def _run_one(job: Job, live: LanguageModel | None, seconds: float | None, emit: Emit) -> str | None:
    """Run a cell. Returns None, or the sentence that says why it failed.

    A cell has a process of its own, with its own threads and peak memory: a crash ends this cell alone, and the
    process is ended after ``seconds``. A model that is an object, ``live``, is trained in this process.
    """
    job.path.mkdir(parents=True, exist_ok=True)
    log = job.path / LOG
    try:
        if live is not None:
            run_cell(job, emit, live)
            return None
        call(
            "lmcompare.harness.cell:run_job",
            asdict(job),
            on_event=emit,
            log=log,
            variables=environment.thread_variables(job.machine["threads"]),
            seconds=seconds,
        )
    except TimeLimitError as late:
        return f"{late}: give it more (--time-limit)"
    except EndedError as ended:
        return f"{ended}{'; its log.txt says more' if ended.code >= 0 else ''}"
    except (Exception, SystemExit) as error:
        return what_went_wrong(error)
    log.unlink()
    return None
