"""Where cells run: each in a process of its own, or, for a live model object, in this one."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lmcompare.errors import LmcompareError, what_went_wrong
from lmcompare.harness.cell import Emit, Job, failed_cell, run_cell
from lmcompare.harness.environment import thread_variables
from lmcompare.model import LanguageModel

Engine = Callable[[Job, Emit], str | None]


def in_process(job: Job, emit: Emit) -> str | None:
    """Run the cell in a new Python process. Returns None, or the sentence that says why it failed."""
    job.path.mkdir(parents=True, exist_ok=True)
    log = job.path / "log.txt"
    with tempfile.TemporaryDirectory() as scratch, log.open("w", encoding="utf-8") as stderr:
        table = Path(scratch) / "job.json"
        table.write_text(json.dumps(asdict(job)), encoding="utf-8")
        process = subprocess.Popen(
            # -P: a file that lies where one stands must not shadow a module
            [sys.executable, "-P", "-m", "lmcompare.harness.worker", str(table)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**os.environ, **thread_variables(job.threads)},
            start_new_session=True,  # Ctrl-C reaches the parent alone, which ends the cell
        )
        try:
            error = _follow(process, emit)
        finally:
            _end(process)
    if error is None:
        log.unlink()
    else:
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


def _follow(process: subprocess.Popen[str], emit: Emit) -> str | None:
    """Pass the process's events on until it ends."""
    error: str | None = None
    finished = False
    assert process.stdout is not None
    for line in process.stdout:
        with contextlib.suppress(json.JSONDecodeError):
            event: dict[str, Any] = json.loads(line)
            finished = finished or event["event"] == "done"
            error = event["error"] if event["event"] == "failed" else error
            emit(event)
    code = process.wait()
    if finished or error:
        return error
    if code < 0:
        return f"the process was ended by signal {-code}{' (out of memory?)' if code == -9 else ''}"
    return f"the process ended with exit code {code}; its log.txt says more"


def _end(process: subprocess.Popen[str]) -> None:
    """End the process if it still runs, and close its pipe."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()
