"""Where cells run: each in a process of its own, or, for a live model object, in this one."""

from __future__ import annotations

from dataclasses import asdict

from lmcompare.errors import LmcompareError, what_went_wrong
from lmcompare.harness.cell import run_cell
from lmcompare.harness.environment import thread_variables
from lmcompare.harness.job import Job
from lmcompare.model import LanguageModel
from lmcompare.processes import Emit, Event, how_it_ended, run_child

LOG = "log.txt"  # in a cell's folder: what its process printed; removed once it is done


def in_process(job: Job, emit: Emit, seconds: float | None = None) -> str | None:
    """Run the cell in a new Python process, and end it after so many seconds. Returns None, or why it failed."""
    job.path.mkdir(parents=True, exist_ok=True)
    log = job.path / LOG
    last: Event = {"event": "none"}

    def heard(event: Event) -> None:
        nonlocal last
        last = event
        emit(event)

    late = None
    with log.open("w", encoding="utf-8") as stderr:
        try:
            code = run_child(
                "lmcompare.harness.worker",
                asdict(job),
                heard,
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
    job.fail(error)
    return error


def inline(job: Job, emit: Emit, model: LanguageModel) -> str | None:
    """Run the cell with this very object, in this process, whose peak memory is stored. Returns as ``in_process``."""
    job.path.mkdir(parents=True, exist_ok=True)
    try:
        run_cell(job, emit, model)
    except (Exception, SystemExit) as error:
        sentence = str(error) if isinstance(error, LmcompareError) else what_went_wrong(error)
        job.fail(sentence)
        return sentence
    return None
