"""Work in a process of its own: events come back as JSON lines, and what goes wrong there stays there.

The parent calls ``run_child``. The child's module takes a job file's path, sends its events through
``event_stream`` and calls ``end_with_parent``.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>
PARENT = "LMCOMPARE_PARENT"  # the variable that tells a child which process started it

Event = dict[str, Any]
Emit = Callable[[Event], None]


def run_child(
    module: str,
    job: Mapping[str, Any],
    emit: Emit,
    *,
    stderr: IO[str] | None = None,
    variables: Mapping[str, str] | None = None,
    seconds: float | None = None,
) -> int:
    """Run ``python -m module JOB.json`` to its end, passing its events on. Returns its exit code, −N for signal N.

    The parameters are those of ``child``. Raises ``TimeoutError`` where it was ended for having run longer than so
    many ``seconds``.
    """
    with child(module, job, stderr=stderr, variables=variables) as process, _ended_after(process, seconds) as over:
        for event in events_of(process):
            emit(event)
        code = process.wait()
    if over.is_set():
        raise TimeoutError(f"it ran longer than its time limit of {seconds:g} s, and was ended")
    return code


@contextlib.contextmanager
def _ended_after(process: subprocess.Popen[str], seconds: float | None) -> Iterator[threading.Event]:
    """Kill the process after so many seconds; the event tells that it came to it."""
    over = threading.Event()
    if seconds is None:
        yield over
        return

    def end() -> None:
        over.set()
        process.kill()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield over
    finally:
        timer.cancel()


@contextlib.contextmanager
def child(
    module: str,
    job: Mapping[str, Any],
    *,
    stderr: IO[str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Start ``python -m module JOB.json`` and give the process.

    Parameters: ``stderr``, where its messages go (None: to ours); ``variables``, added to the environment. However
    this ends, Ctrl-C included, the child has ended too.
    """
    with tempfile.TemporaryDirectory() as scratch:
        table = Path(scratch) / "job.json"
        table.write_text(json.dumps(job), encoding="utf-8")
        process = subprocess.Popen(
            # -P: a file that lies where one stands must not shadow a module
            [sys.executable, "-P", "-m", module, str(table)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**os.environ, **(variables or {}), PARENT: str(os.getpid())},
            start_new_session=True,  # Ctrl-C reaches the parent alone, which ends the child
        )
        try:
            yield process
        finally:
            _end(process)


def events_of(process: subprocess.Popen[str]) -> Iterator[Event]:
    """Yield the events of a child as they come, until it ends."""
    assert process.stdout is not None
    for line in process.stdout:
        with contextlib.suppress(json.JSONDecodeError):
            yield json.loads(line)


def how_it_ended(code: int) -> str:
    """Return how a child ended that did not say so itself."""
    if code < 0:
        return f"was ended by signal {-code}{' (out of memory?)' if code == -9 else ''}"
    return f"ended with exit code {code}"


@contextlib.contextmanager
def event_stream() -> Iterator[Emit]:
    """In the child: give the function that sends an event. Whatever else is printed goes to standard error."""
    with os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8") as events:
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        yield lambda event: print(json.dumps(event, default=_plain), file=events)


def end_with_parent() -> None:
    """In the child: end as soon as the process that started this one is gone, even before it came to this line.

    On Linux the kernel sees to it; elsewhere it is found within half a second.
    """
    parent = int(os.environ.get(PARENT) or os.getppid())
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    if os.getppid() != parent:
        os._exit(1)
    threading.Thread(target=watch, daemon=True).start()


def _plain(value: Any) -> Any:
    """Return a numpy or torch scalar as a Python number."""
    return value.item() if hasattr(value, "item") else str(value)


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
