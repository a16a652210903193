"""Where cells run: each in a process of its own, or, for a live model object, in this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial

from lmcompare.errors import LmcompareError, what_went_wrong
from lmcompare.harness.cell import Job, failed_cell, run_cell
from lmcompare.harness.environment import thread_variables
from lmcompare.model import LanguageModel
from lmcompare.processes import Emit, Event, how_it_ended, run_child

LOG = "log.txt"  # in a cell's folder: what its process printed; removed once it is done
Engine = Callable[[Job, Emit], str | None]


def within(seconds: float | None) -> Engine:
    """Return an engine that runs a cell in a process of its own, and ends it after so many seconds."""
    return partial(in_process, seconds=seconds)


def in_process(job: Job, emit: Emit, seconds: float | None = None) -> str | None:
    """Run the cell in a new Python process. Returns None, or the sentence that says why it failed."""
    job.path.mkdir(parents=True, exist_ok=True)
    log = job.path / LOG
    last: Event = {"event": "none"}

    def told(event: Event) -> None:
        nonlocal last
        last = event
        emit(event)

    late = None
    with log.open("w", encoding="utf-8") as stderr:
        try:
            code = run_child(
                "lmcompare.harness.worker",
                asdict(job),
                told,
                stderr=stderr,
                variables=thread_variables(job.threads),
                seconds=seconds,
            )
        except TimeoutError as ended:
            late = str(ended)
    if last["event"] == "done":
        log.unlink()
        return None
    if late is not None:
        error = f"{late}: give it more (--time-limit)"
    elif last["event"] == "failed":
        error = str(last["error"])
    else:
        error = f"the process {how_it_ended(code)}{'; its log.txt says more' if code >= 0 else ''}"
    failed_cell(job, error)
    return error


def inline(model: LanguageModel) -> Engine:
    """Return an engine that trains this very object, in this process; its peak memory is the process's."""

    def run(job: Job, emit: Emit) -> str | None:
        job.path.mkdir(parents=True, exist_ok=True)
        try:
            run_cell(job, emit, model)
        except (Exception, SystemExit) as error:
            said = str(error) if isinstance(error, LmcompareError) else what_went_wrong(error)
            failed_cell(job, said)
            return said
        return None

    return run
