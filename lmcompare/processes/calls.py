"""The caller's side: a function is called in a new process, which is listened to and ended."""

from __future__ import annotations

import contextlib
import json
import math
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from lmcompare.errors import LmcompareError, PluginError, temporary_room
from lmcompare.processes.forks import Forked, ForkServer, ServerLostError, environment_of

MOST_BYTES = 1 << 24  # that a message may have
MOST_LOG, KEPT_LOG = 1 << 30, 1 << 20  # bytes that a process may print, and those that are kept if it prints more
LOOK = 0.5  # seconds between two checks of a process that sends nothing
GRACE = 5  # seconds that a process has to end after its function has returned
SERVE = "from lmcompare.processes.forks import serve; serve()"

Event = dict[str, Any]
Emit = Callable[[Event], None]

FAULT = ", which is a fault in compiled code that it uses: report it to its authors if it comes back"
TIMER = ", the end of a timer that a plug-in, or what it uses, has set: it must handle this signal"
CAUSES = dict.fromkeys(("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE"), FAULT)
CAUSES |= dict.fromkeys(("SIGALRM", "SIGVTALRM", "SIGPROF"), TIMER)


class CallError(LmcompareError):
    """A function that was called in another process has not returned."""


class RaisedError(CallError):
    """The function raised an error. ``expected``: it was an ``LmcompareError``, whose sentence this error has."""

    def __init__(self, sentence: str, expected: bool) -> None:
        super().__init__(sentence)
        self.expected = expected


class EndedError(CallError):
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
        return " (out of memory, or ended by somebody?): end other programs, or use smaller models or less text"
    name = signal.Signals(number).name if number in set(signal.Signals) else ""
    return CAUSES.get(name, ", which another program has sent: run the command again")


class JunkError(CallError):
    """The process sent something that is not a message; ``what``: the beginning of it."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"its process sent something that is not a message ({what}): the plug-in must leave alone the open files "
            "that it has not opened itself"
        )


class LongLogError(CallError):
    """The process was ended because it printed more than a log may hold."""


class TimeLimitError(CallError):
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
    server: ForkServer | None = None,
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
    server : ForkServer, optional
        What the process is forked from; otherwise it is a new Python. It has the variables of the server and no
        standard input, and needs a ``log``.

    Raises
    ------
    RaisedError
        The function raised an exception.
    EndedError
        The process ended before the function returned.
    JunkError
        The process sent something that is not a message.
    LongLogError
        The process printed more than a log may hold.
    TimeLimitError
        The time limit was over.
    ServerLostError
        The server ended before the function returned.
    """
    with start(
        function,
        *arguments,
        log=log,
        variables=variables,
        seconds=seconds,
        memory=memory,
        stdin=stdin,
        server=server,
    ) as child:
        meanwhile()
        for event in child.events():
            on_event(event)
        return child.result()


@contextlib.contextmanager
def explained(doing: Callable[[], str]) -> Iterator[None]:
    """Turn the errors of a call into ``PluginError``: a user's mistake is a sentence already.

    ``doing`` returns what was being done, with which the sentence of every other error begins.
    """
    try:
        yield
    except RaisedError as error:
        raise PluginError(str(error) if error.expected else f"{doing()}: {error}") from error
    except CallError as error:
        advice = "; raise the limit with --time-limit" if isinstance(error, TimeLimitError) else ""
        raise PluginError(f"{doing()}: {error}{advice}") from error


_RUNNING: set[Child] = set()


def end_running() -> None:
    """End all processes that were started and still run, whichever thread waits for them."""
    children = list(_RUNNING)
    for child in children:
        child.process.terminate()
    for child in children:
        child.end()


class Child:
    """A process that runs one function. What it sends is checked: the code in it may be anybody's.

    Parameters
    ----------
    process : Popen or Forked
        The process.
    mark : str
        What it and all that it starts have in their environments.
    log : file, optional
        Where its output goes.
    seconds : float, optional
        The time limit, after which it is killed.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes] | Forked,
        mark: str,
        log: IO[str] | None = None,
        seconds: float | None = None,
    ) -> None:
        self.process, self.mark, self._log, self._seconds = process, mark, log, seconds
        self._until = math.inf if seconds is None else time.monotonic() + seconds
        self._outcome: tuple[str, Any] | None = None
        self._lines: deque[bytes] = deque()
        self._begun = b""

    def events(self) -> Iterator[Event]:
        """Yield the events that the function emits as they come, until it returns or the process ends.

        Raises ``JunkError`` for anything that ``emit`` does not send, ``LongLogError`` and ``TimeLimitError``.
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
            ended = False
            while not self._lines:
                if self.prints_too_much():
                    raise LongLogError(f"it printed more than {MOST_LOG:,} bytes: the plug-in must print less")
                if (left := self._until - time.monotonic()) <= 0 and self.process.poll() is None:
                    raise self._too_late()
                if not selector.select(0 if ended else max(0.0, min(LOOK, left))):
                    if ended:
                        return None
                    ended = self.process.poll() is not None  # its last messages may still be in the pipe
                    continue
                if not (read := os.read(pipe, 1 << 16)):
                    return None
                *lines, self._begun = (self._begun + read).split(b"\n")
                self._lines.extend(lines)
                if len(self._begun) > MOST_BYTES:
                    raise JunkError(f"more than {MOST_BYTES:,} bytes without a line end")
        return self._lines.popleft()

    def result(self) -> Any:
        """Return the function's value; the process gets ``GRACE`` seconds to end by itself.

        Raises ``RaisedError``, ``EndedError``, ``JunkError``, ``LongLogError`` or ``TimeLimitError``.
        """
        for _ in self.events():
            pass
        if self._outcome is None:
            try:
                code = self.process.wait(max(0.0, self._until - time.monotonic()))
            except subprocess.TimeoutExpired:  # it has closed its pipe, and runs
                raise self._too_late() from None
            raise ServerLostError() if isinstance(self.process, Forked) and self.process.is_lost else EndedError(code)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(GRACE)
        kind, value = self._outcome
        if kind == "raised":
            raise RaisedError(value["sentence"], value["expected"])
        return value

    def _too_late(self) -> TimeLimitError:
        """Kill the process, and return the error of its time limit."""
        self.kill()
        return TimeLimitError(f"it ran longer than its time limit of {self._seconds:g} s, and was ended")

    def end(self) -> None:
        """Ask the process to end, wait ``GRACE`` seconds at most, and end it and all that it started."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(GRACE)
        self.kill()

    def kill(self) -> None:
        """End the process and all that it started at once."""
        self.process.kill()
        for _ in range(10):  # again, since they may start others meanwhile
            if not (pids := _marked(self.mark)):
                break
            for pid in pids:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        if not Path("/proc/self/environ").exists():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
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
    seconds: float | None = None,
    memory: int | None = None,
    stdin: bool = False,
    server: ForkServer | None = None,
) -> Iterator[Child]:
    """Start a function in a new process and yield the process, which ends with the ``with`` block at the latest.

    The parameters are those of ``call``. Raises ``ServerLostError`` if the server has ended.
    """
    table = {"function": function, "arguments": arguments, "traceback": log is not None, "memory": memory}
    with contextlib.ExitStack() as stack:
        with temporary_room():
            job = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "job.json"
            job.write_text(json.dumps(table), encoding="utf-8")
        mark = uuid.uuid4().hex
        output = None if log is None else stack.enter_context(log.open("w", encoding="utf-8"))
        process: subprocess.Popen[bytes] | Forked
        if server is not None:
            assert output is not None
            process = stack.enter_context(server.fork(job, mark, output))
        else:
            process = subprocess.Popen(
                # -P: a file in the working directory must not replace a module
                [sys.executable, "-P", "-c", SERVE, str(job)],
                stdin=None if stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
                bufsize=0,
                env=environment_of(mark, variables),
                start_new_session=True,  # so that Ctrl-C reaches only the parent, which ends the child
            )
        child = Child(process, mark, output, seconds)
        _RUNNING.add(child)
        try:
            yield child
        finally:
            _RUNNING.discard(child)
            child.end()
            if process.stdout is not None:
                process.stdout.close()
            if output is not None and child.prints_too_much():
                output.truncate(KEPT_LOG)
