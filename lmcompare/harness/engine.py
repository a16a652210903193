"""Where cells run: each in a process of its own, or, for a live model object, in this one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from lmcompare.errors import LmcompareError, what_went_wrong
from lmcompare.harness.cell import run_cell
from lmcompare.harness.environment import thread_variables
from lmcompare.harness.job import Job
from lmcompare.model import LanguageModel
from lmcompare.processes import Emit, EndedError, RaisedError, TimeLimitError, call

LOG = "log.txt"  # in a cell's folder: the output of its process; removed when the cell is done


def in_process(job: Job, emit: Emit, seconds: float | None = None) -> str | None:
    """Run the cell in a new process. Returns None, or the sentence that says why it failed.

    The process gives the cell its own peak memory and threads, and a crash ends this cell alone. It is ended after
    so many ``seconds``.
    """
    job.path.mkdir(parents=True, exist_ok=True)
    log = job.path / LOG
    try:
        call(
            "lmcompare.harness.engine:run_job",
            asdict(job),
            on_event=emit,
            log=log,
            variables=thread_variables(job.threads),
            seconds=seconds,
        )
    except TimeLimitError as late:
        error = f"{late}: give it more (--time-limit)"
    except EndedError as ended:
        error = f"{ended}{'; its log.txt says more' if ended.code >= 0 else ''}"
    except RaisedError as raised:
        error = str(raised)
    else:
        log.unlink()
        emit({"event": "done"})
        return None
    job.fail(error)
    return error


def run_job(emit: Emit, table: dict[str, Any]) -> None:
    """Run the cell of a job's table; runs in a process of its own."""
    run_cell(Job(**table), emit)


def inline(job: Job, emit: Emit, model: LanguageModel) -> str | None:
    """Train this very object, in this process, whose peak memory is stored. Returns as ``in_process`` does."""
    job.path.mkdir(parents=True, exist_ok=True)
    try:
        run_cell(job, emit, model)
    except (Exception, SystemExit) as error:
        sentence = str(error) if isinstance(error, LmcompareError) else what_went_wrong(error)
        job.fail(sentence)
        return sentence
    emit({"event": "done"})
    return None
