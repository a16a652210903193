"""Functions that are called in a Python process of their own.

``call`` runs ``"module:function"`` in a new process and returns its value; ``start`` gives the running process to
callers that need several at once. The arguments go to the process as JSON. The function's first parameter is
``emit``, which sends an event (a JSON object) to the caller; all other output of the process goes to standard error.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lmcompare.errors import LmcompareError, what_went_wrong

PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>
PARENT = "LMCOMPARE_PARENT"  # the environment variable with the id of the process that started a child
SERVE = "from lmcompare.processes import serve; serve()"

Event = dict[str, Any]
Emit = Callable[[Event], None]


class RaisedError(LmcompareError):
    """The called function raised. ``expected``: it raised an ``LmcompareError``, whose sentence this error has."""

    def __init__(self, sentence: str, expected: bool) -> None:
        super().__init__(sentence)
        self.expected = expected


class EndedError(LmcompareError):
    """The process ended before the function returned. ``code``: its exit code, -N after signal N."""

    def __init__(self, code: int) -> None:
        ended = f"ended with exit code {code}"
        if code < 0:
            ended = f"was ended by signal {-code}{' (out of memory?)' if code == -signal.SIGKILL else ''}"
        super().__init__(f"the process {ended}")
        self.code = code


class TimeLimitError(LmcompareError):
    """The process was ended because it ran longer than its time limit."""


def call(
    function: str,
    *arguments: Any,
    on_event: Callable[[Event], None] = lambda event: None,
    log: Path | None = None,
    variables: Mapping[str, str] | None = None,
    seconds: float | None = None,
) -> Any:
    """Call a function in a new process and return its value.

    Parameters
    ----------
    function : str
        ``"module:function"``. The function is called as ``function(emit, *arguments)`` and returns a JSON value.
    *arguments
        JSON values.
    on_event : callable
        Called with each event that the function emits, as it comes.
    log : Path, optional
        The file for what the process writes to standard output and standard error, and for the traceback of what the
        function raised. Without it, the output goes to this process's standard error.
    variables : mapping, optional
        Environment variables that are set before anything is imported.
    seconds : float, optional
        The time limit, after which the process is killed.

    Raises
    ------
    RaisedError
        The function raised an exception.
    EndedError
        The process ended before the function returned.
    TimeLimitError
        The time limit was over before the function returned.
    """
    late = threading.Event()
    with start(function, *arguments, log=log, variables=variables) as child:

        def kill() -> None:
            late.set()
            child.process.kill()

        timer = threading.Timer(seconds or 0.0, kill)
        timer.daemon = True
        if seconds is not None:
            timer.start()
        try:
            for event in child.events():
                on_event(event)
            return child.result()
        except EndedError:
            if late.is_set():
                raise TimeLimitError(f"it ran longer than its time limit of {seconds:g} s, and was ended") from None
            raise
        finally:
            timer.cancel()


class Child:
    """A process that runs one function."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._outcome: tuple[str, Any] | None = None

    def events(self) -> Iterator[Event]:
        """Yield the events that the function emits as they come, until the process ends."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            try:
                kind, value = json.loads(line)
            except ValueError:  # a line that was cut off when the process ended
                continue
            if kind == "event":
                yield value
            else:
                self._outcome = kind, value

    def result(self) -> Any:
        """Wait for the end and return the function's value. Raises ``RaisedError`` or ``EndedError``."""
        for _ in self.events():
            pass
        code = self.process.wait()
        if self._outcome is None:
            raise EndedError(code)
        kind, value = self._outcome
        if kind == "raised":
            raise RaisedError(value["sentence"], value["expected"])
        return value


@contextlib.contextmanager
def start(
    function: str, *arguments: Any, log: Path | None = None, variables: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """Start a function in a new process and give the process, which ends with the ``with`` block at the latest.

    The parameters are those of ``call``.
    """
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        job = Path(scratch) / "job.json"
        job.write_text(
            json.dumps({"function": function, "arguments": arguments, "traceback": log is not None}), encoding="utf-8"
        )
        process = subprocess.Popen(
            # -P: a file in the working directory must not replace a module
            [sys.executable, "-P", "-c", SERVE, str(job)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if log is None else stack.enter_context(log.open("w", encoding="utf-8")),
            text=True,
            env={**os.environ, **(variables or {}), PARENT: str(os.getpid())},
            start_new_session=True,  # Ctrl-C reaches the parent alone, which ends the child
        )
        try:
            yield Child(process)
        finally:
            _end(process)


def serve() -> None:
    """Run the function of the job file that the command line names: what a child process does."""
    _end_with_parent()
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8") as channel:
        os.dup2(2, 1)  # what the function prints goes to standard error
        sys.stdout = sys.stderr

        def send(kind: str, value: Any) -> None:
            print(json.dumps([kind, value], default=_plain), file=channel)

        try:
            module, _, name = job["function"].partition(":")
            function = getattr(importlib.import_module(module), name)
            send("returned", function(lambda event: send("event", event), *job["arguments"]))
        except BaseException as error:  # whatever a plug-in raises, SystemExit included
            if job["traceback"]:
                traceback.print_exc()
            expected = isinstance(error, LmcompareError)
            send("raised", {"sentence": str(error) if expected else what_went_wrong(error), "expected": expected})
            sys.exit(1)


def _end_with_parent() -> None:
    """End this process as soon as the one that started it is gone, even if it is gone already.

    On Linux the kernel does it; elsewhere a thread looks every half second.
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


def _plain(value: Any) -> Any:
    """Return a numpy or torch scalar as a Python number, anything else as text."""
    return value.item() if hasattr(value, "item") else str(value)
