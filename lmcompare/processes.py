"""Functions that are called in a Python process of their own.

``call`` runs ``"module:function"`` in a new process and returns its value; ``start`` gives the running process to
callers that need several at once. The arguments go to the process as JSON. The function's first parameter is
``emit``, which sends an event (a JSON object) to the caller; all other output of the process goes to standard error.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import importlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from lmcompare.errors import LmcompareError, temporary_room, what_went_wrong

PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>
PARENT = "LMCOMPARE_PARENT"  # the environment variable with the id of the process that started a child
MARK = "LMCOMPARE_MARKS"  # and the one with the marks of all processes between the first and this one
MOST_BYTES = 1 << 24  # of a message
MOST_LOG, KEPT_LOG = 1 << 30, 1 << 20  # bytes that a process may print, and those that are kept if it prints more
FAULT = ", which is a fault in compiled code that it uses: report it to its authors if it comes back"
TIMER = ", the end of a timer that a plug-in, or what it uses, has set: it must handle this signal"
CAUSES = dict.fromkeys(("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE"), FAULT)
CAUSES |= dict.fromkeys(("SIGALRM", "SIGVTALRM", "SIGPROF"), TIMER)
GRACE = 5  # seconds that a process has to end after its function has returned
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
        ended = f"ended with exit code {code}: a plug-in, or what it uses, must not end the process"
        if code < 0:
            ended = f"was ended by signal {-code}{_why(-code)}"
        super().__init__(f"the process {ended}")
        self.code = code


def _why(number: int) -> str:
    """Return why a process was probably ended by a signal, and what to do."""
    if sys.platform != "win32" and number in (signal.SIGKILL, signal.SIGXCPU):
        import resource

        if resource.getrlimit(resource.RLIMIT_CPU)[0] != resource.RLIM_INFINITY:
            why = " (out of memory, or out of the processor time that 'ulimit -t' allows?)"
            return f"{why}: raise the limit, or use smaller models or less text"
    if number == signal.SIGKILL:
        return " (out of memory?): end other programs, or use smaller models or less text"
    name = signal.Signals(number).name if number in set(signal.Signals) else ""
    return CAUSES.get(name, ", which another program has sent: run the command again")


class JunkError(LmcompareError):
    """The process sent what is no message; ``what``: its beginning."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"its process sent what is no message ({what}): the plug-in must leave open files alone that it has not "
            "opened itself"
        )


class LongLogError(LmcompareError):
    """The process was ended because it printed more than a log may hold."""


class TimeLimitError(LmcompareError):
    """The process was ended because it ran longer than its time limit."""


def call(
    function: str,
    *arguments: Any,
    on_event: Callable[[Event], None] = lambda event: None,
    log: Path | None = None,
    variables: Mapping[str, str] | None = None,
    seconds: float | None = None,
    memory: int | None = None,
    stdin: bool = False,
    meanwhile: Callable[[], object] = lambda: None,
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
    memory : int, optional
        The bytes that the process, and each that it starts, may take for itself; Linux holds it to them.
    stdin : bool
        Whether the process reads this one's standard input; otherwise it has none.
    meanwhile : callable
        Called while the process starts.

    Raises
    ------
    RaisedError
        The function raised an exception.
    EndedError
        The process ended before the function returned.
    JunkError
        The process sent what is no message.
    LongLogError
        The process printed more than a log may hold.
    TimeLimitError
        The time limit was over.
    """
    late = threading.Event()
    with start(function, *arguments, log=log, variables=variables, memory=memory, stdin=stdin) as child:

        def kill() -> None:
            late.set()
            child.kill()

        timer = threading.Timer(min(threading.TIMEOUT_MAX, seconds or 0.0), kill)
        timer.daemon = True
        if seconds is not None:
            timer.start()
        try:
            meanwhile()
            for event in child.events():
                on_event(event)
            return child.result()
        except EndedError:
            if late.is_set():
                raise TimeLimitError(f"it ran longer than its time limit of {seconds:g} s, and was ended") from None
            raise
        finally:
            timer.cancel()


_RUNNING: set[Child] = set()


def end_running() -> None:
    """End all processes that were started and still run, whichever thread waits for them."""
    children = list(_RUNNING)
    for child in children:
        child.process.terminate()
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(GRACE)
        child.kill()


class Child:
    """A process that runs one function. What it sends is checked: the code in it may be anybody's."""

    def __init__(self, process: subprocess.Popen[bytes], mark: str, log: IO[str] | None = None) -> None:
        self.process, self.mark, self._log = process, mark, log
        self._outcome: tuple[str, Any] | None = None
        self._lines: deque[bytes] = deque()
        self._begun = b""

    def events(self) -> Iterator[Event]:
        """Yield the events that the function emits as they come, until it returns or the process ends.

        Raises ``JunkError`` for what no function sends through ``emit``, and ``LongLogError``.
        """
        while self._outcome is None and (line := self._next_line()) is not None:
            kind, value = _message(line)
            if kind == "event":
                yield value
            else:
                self._outcome = kind, value

    def prints_too_much(self) -> bool:
        """Return whether the log is longer than a log may be."""
        return self._log is not None and os.fstat(self._log.fileno()).st_size > MOST_LOG

    def _next_line(self) -> bytes | None:
        """Wait for a whole line; None when the process has ended, though what it started may hold the pipe open."""
        assert self.process.stdout is not None
        pipe = self.process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while not self._lines:
                if self.prints_too_much():
                    raise LongLogError(f"it printed more than {MOST_LOG:,} bytes: the plug-in must print less")
                if not selector.select(0.5):
                    if self.process.poll() is not None:
                        return None
                    continue
                if not (read := os.read(pipe, 1 << 16)):
                    return None
                *lines, self._begun = (self._begun + read).split(b"\n")
                self._lines.extend(lines)
                if len(self._begun) > MOST_BYTES:
                    raise JunkError(f"more than {MOST_BYTES:,} bytes without a line end")
        return self._lines.popleft()

    def result(self) -> Any:
        """Return the function's value; the process has time to end by itself, which nobody waits for any longer.

        Raises ``RaisedError``, ``EndedError``, ``JunkError`` or ``LongLogError``.
        """
        for _ in self.events():
            pass
        if self._outcome is None:
            raise EndedError(self.process.wait())
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(GRACE)
        kind, value = self._outcome
        if kind == "raised":
            raise RaisedError(value["sentence"], value["expected"])
        return value

    def kill(self) -> None:
        """End the process and all that it started."""
        for _ in range(10):  # those that start others meanwhile
            if not (pids := _marked(self.mark)):
                break
            for pid in pids:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)  # where there is no /proc
        self.process.wait()


def _message(line: bytes) -> tuple[str, Any]:
    """Return the kind and the value of a message. Raises ``JunkError`` for any other bytes."""
    try:
        kind, value = json.loads(line)
        if kind == "event" and isinstance(value, dict):
            return kind, value
        if kind == "raised" and isinstance(value["sentence"], str) and isinstance(value["expected"], bool):
            return kind, value
        if kind == "returned":
            return kind, value
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise JunkError(repr(line[:60])[1:])


def _marked(mark: str) -> list[int]:
    """Return the processes that have a mark in their environment, as all do that a marked one has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark.encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


@contextlib.contextmanager
def start(
    function: str,
    *arguments: Any,
    log: Path | None = None,
    variables: Mapping[str, str] | None = None,
    memory: int | None = None,
    stdin: bool = False,
) -> Iterator[Child]:
    """Start a function in a new process and give the process, which ends with the ``with`` block at the latest.

    The parameters are those of ``call``.
    """
    table = {"function": function, "arguments": arguments, "traceback": log is not None, "memory": memory}
    with contextlib.ExitStack() as stack:
        with temporary_room():
            job = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "job.json"
            job.write_text(json.dumps(table), encoding="utf-8")
        mark = uuid.uuid4().hex
        output = None if log is None else stack.enter_context(log.open("w", encoding="utf-8"))
        process = subprocess.Popen(
            # -P: a file in the working directory must not replace a module
            [sys.executable, "-P", "-c", SERVE, str(job)],
            stdin=None if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            bufsize=0,
            env={
                **os.environ,
                **(variables or {}),
                PARENT: str(os.getpid()),
                MARK: f"{os.environ.get(MARK, '')} {mark}".strip(),
            },
            start_new_session=True,  # Ctrl-C reaches the parent alone, which ends the child
        )
        child = Child(process, mark, output)
        _RUNNING.add(child)
        try:
            yield child
        finally:
            _RUNNING.discard(child)
            _end(child)
            if output is not None and child.prints_too_much():
                output.truncate(KEPT_LOG)


def serve() -> None:
    """Run the function of the job file that the command line names: what a child process does."""
    end_with(int(os.environ[PARENT]))
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # as by any other signal: KeyboardInterrupt would blame the plug-in
    atexit.register(os._exit, 0)  # after what plug-ins register: taking down all modules takes up to half a second
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if job["memory"] is not None:
        _limit_memory(job["memory"])
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


def _limit_memory(size: int) -> None:
    """Let this process, and each that it starts, take so many bytes for itself: mapped files do not count."""
    if sys.platform == "linux":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        size = size if hard == resource.RLIM_INFINITY else min(size, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (size, hard))


def end_with(parent: int) -> None:
    """End this process as soon as its parent is gone, even if it is gone already.

    On Linux the kernel does it; elsewhere a thread looks every half second.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    if os.getppid() != parent:
        os._exit(1)
    threading.Thread(target=watch, daemon=True).start()


def _end(child: Child) -> None:
    """End the process if it still runs, and what it has started, and close its pipe."""
    process = child.process
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
    child.kill()
    if process.stdout is not None:
        process.stdout.close()


def _plain(value: Any) -> Any:
    """Return a numpy or torch scalar as a Python number, anything else as text."""
    return value.item() if hasattr(value, "item") else str(value)
