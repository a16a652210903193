"""How a call of a function in another process may fail."""

from __future__ import annotations

import signal
import sys

from lmcompare.errors import LmcompareError

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


class ServerLostError(CallError):
    """The server that had forked the process, or should have forked it, has ended."""

    def __init__(self) -> None:
        super().__init__("the process from which it was forked has ended: run the same command again")
