"""An experiment to a finished run folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lmcompare.errors import LmcompareError
from lmcompare.harness import engine, environment
from lmcompare.harness.experiment import Experiment
from lmcompare.harness.manifest import manifest, read_earlier
from lmcompare.harness.plan import Plan, built, plans
from lmcompare.harness.progress import Display, Quiet
from lmcompare.runfolder.files import write_json, write_text
from lmcompare.runfolder.layout import JOINED, MANIFEST
from lmcompare.runfolder.seals import locked, seal

if TYPE_CHECKING:
    from lmcompare.corpora import Corpus
    from lmcompare.model import LanguageModel


@dataclass
class Outcome:
    """What a run did: the folder, and by "name/seed" why a cell failed."""

    folder: Path
    failures: dict[str, str] = field(default_factory=dict)


def run(
    experiment: Experiment,
    folder: Path,
    *,
    base: Path | None = None,
    force: bool = False,
    show: Display | None = None,
    corpus: Corpus | None = None,
    live: Mapping[str, LanguageModel] | None = None,
    command: str = "",
) -> Outcome:
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
    Outcome
        A plug-in that raises an error fails its own cell only.

    Raises
    ------
    LmcompareError
        For wrong input, before anything is trained.
    """
    started = time.perf_counter()
    show, live, options = show or Quiet(), live or {}, experiment.options
    models = {table.name: built(table, experiment, base, live) for table in experiment.models}
    device, threads = environment.choose_device(options.device), environment.choose_threads(options.threads)
    environment.check_processes(options.processes, device)
    corpus = _corpus(experiment, base, show) if corpus is None else corpus
    _claim(folder)
    with locked(folder):
        earlier = read_earlier(folder, corpus, force, show)
        planned, tokenized = plans(experiment, corpus, folder, models, live, device, threads, show)
        with _closing(show):
            outcome = Outcome(folder, _run_cells(planned, options.time_limit, force, show))
        seconds = time.perf_counter() - started
        table = manifest(experiment, corpus, planned, tokenized, earlier, folder, command, seconds)
        write_json(folder / MANIFEST, table)
        seal(folder, (MANIFEST,))
    return outcome


def _corpus(experiment: Experiment, base: Path | None, show: Display) -> Corpus:
    from lmcompare import corpora

    show.say(f"Reading {experiment.corpus.source or 'the given split'} …")
    return corpora.load(experiment.corpus.where, experiment.corpus.options, base=base)


def _claim(folder: Path) -> None:
    """Make the output folder and see that it can be written to, before hours are spent."""
    if "\0" in str(folder):
        raise LmcompareError(f"{str(folder)!r} can be no folder's name: choose another --out")
    if folder.exists() and not folder.is_dir():
        raise LmcompareError(f"{folder} is a file, not a folder: choose another --out")
    if (folder / JOINED).exists():
        raise LmcompareError(f"{folder} holds a report of several runs: choose another --out")
    probe = folder / ".probe"
    try:
        write_text(probe, "")
    except LmcompareError as error:
        cause = error.__cause__
        reason = cause.strerror if isinstance(cause, OSError) else error
        raise LmcompareError(f"{folder} can't be written to ({reason}): choose another --out or make room") from cause
    probe.unlink()


def _run_cells(planned: Sequence[Plan], seconds: float | None, force: bool, show: Display) -> dict[str, str]:
    """Run the cells that are not finished; return by "name/seed" why a cell failed."""
    failures = {}
    cells = [(job, plan.live) for plan in planned for job in plan.jobs]
    several = any(len(plan.jobs) > 1 for plan in planned)
    show.plan([f"{job.name} (seed {job.seed})" if several else job.name for job, _ in cells])
    for index, (job, live) in enumerate(cells):
        if force:
            job.reopen()
            for stale in ("model", "checkpoints"):
                shutil.rmtree(job.path / stale, ignore_errors=True)
        if job.is_finished() and job.has_examples():
            (job.path / engine.LOG).unlink(missing_ok=True)  # of a run that was killed at its very end
            show.event(index, {"event": "stage", "stage": "kept"})
            continue
        if (damaged := job.damage()) is not None:
            show.say(f"{job.path / damaged} is damaged or lost: what depends on it is made anew.")
        show.event(index, {"event": "stage", "stage": "start"})
        emit = partial(show.event, index)
        error = engine.in_process(job, emit, seconds) if live is None else engine.inline(job, emit, live)
        if error is not None:
            failures[f"{job.name}/{job.seed}"] = error
            show.event(index, {"event": "failed", "error": error})
    return failures


@contextmanager
def _closing(show: Display) -> Iterator[None]:
    try:
        yield
    finally:
        show.close()
