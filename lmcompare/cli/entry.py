"""The console script: an error is one sentence, and each way to end has its own exit code."""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import re
import select
import signal
import sys
import tempfile
import traceback
from typing import Any

import typer

from lmcompare.cli import corpora, lab, plugins, report, run, trained  # noqa: F401  (registers the commands)
from lmcompare.cli.app import InterruptedRunError, app, check_limits
from lmcompare.errors import (
    TOO_LITTLE_MEMORY,
    LmcompareError,
    is_out_of_memory,
    permitted,
    what_went_wrong,
    without_controls,
)

INTERRUPTED = 130
# signals that end a command as Ctrl-C does
ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
PASSED_ON = (signal.SIGINT, *ENDING)
UNFORESEEN = 70  # EX_SOFTWARE of sysexits.h
UNREAD = 141  # the exit code of a process that SIGPIPE ends
OWN_PROCESSES = (["run"], ["check"])  # commands that run plug-ins in processes of their own
ONLY_FILES = (["run"], ["report"], ["export"], ["new"], ["clean"])  # commands whose result is not what they print
# Some versions of typer depend on click, others contain it; both derive usage errors from a class of this name.
ClickError: type[Exception] = next(cls for cls in typer.BadParameter.__mro__ if cls.__name__ == "ClickException")


def main() -> None:
    """Run the command line; on systems that have ``fork``, a command runs in a process that a plug-in may end."""
    command(apart=hasattr(os, "fork") and sys.argv[1:2] not in OWN_PROCESSES)


def command(*, apart: bool = False) -> None:
    """Run the command line; a user's error is one sentence and exit code 2, Ctrl-C is 130."""
    code = 0
    try:
        for number in ENDING:
            if signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores SIGHUP
                signal.signal(number, _terminated)
        _open_streams()
        if sys.argv[1:2] and not sys.argv[1].startswith("-"):  # a command
            check_limits()
        if apart:
            _go_on_in_a_child()
        with permitted():
            code = app(standalone_mode=False, prog_name="lmcompare") or 0
        if code == INTERRUPTED:
            raise KeyboardInterrupt  # typer catches it and returns the code
        sys.stdout.flush()  # an error of flushing at the exit would change the exit code
    except LmcompareError as error:
        _stop(str(error), 2)
    except ClickError as error:
        _stop(_usage(error), 2)
    except (KeyboardInterrupt, typer.Abort, InterruptedRunError) as stop:
        _stop(str(stop) or "interrupted", INTERRUPTED)
    except (BrokenPipeError, SystemExit) as stop:  # the reader of the output has stopped reading, as head does
        if not isinstance(stop, BrokenPipeError) and not isinstance(stop.__context__, BrokenPipeError):
            raise  # typer turns a broken pipe into SystemExit
        for stream in (sys.stdout, sys.stderr):
            _discard(stream)
        code = UNREAD
    except OSError as error:
        _stop(f"{error.filename or 'a file or the output'} can't be used: {error.strerror or error}", 2)
    except Exception as error:
        if is_out_of_memory(error):
            _stop(f"{TOO_LITTLE_MEMORY}: give it more, or run smaller models on less text", 2)
        _stop(_unforeseen(error), UNFORESEEN)
    sys.exit(code)


def _go_on_in_a_child() -> None:
    """Fork: the child returns, and this process waits for it and exits as it does.

    Raises ``LmcompareError`` if the child did not end regularly.
    """
    parent, (said, end) = os.getpid(), os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    if (child := os.fork()) == 0:
        from lmcompare.processes import end_with

        os.setsid()  # so that Ctrl-C reaches only the parent, which passes it on
        end_with(parent)
        atexit.register(os.write, end, b".")  # a process that is ended at once does not write it
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
        return
    passed_on: list[int] = []

    def pass_on(number: int, _: object) -> None:
        passed_on.append(number)
        with contextlib.suppress(ProcessLookupError):  # the child has just ended
            os.kill(child, number)

    for number in PASSED_ON:
        signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    for number in PASSED_ON:
        signal.signal(number, signal.SIG_IGN)
    os.close(end)
    if passed_on and code < 0:  # code in C++ that was interrupted may abort
        raise KeyboardInterrupt
    if not (select.select([said], [], [], 0)[0] and os.read(said, 1)):
        from lmcompare.processes import EndedError

        raise LmcompareError(f"before the command was finished, {EndedError(code)}")
    sys.exit(code if code >= 0 else 128 - code)  # a signal may end it after the command


def _open_streams() -> None:
    """Give each closed standard stream the null device: a file that is opened later must not take its number.

    Raises ``LmcompareError`` where a command could not print what it is asked for.
    """
    unseen = sys.stdout is None and sys.argv[1:2] not in ONLY_FILES
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115  (until the process ends)
            os.set_inheritable(stream.fileno(), True)  # by the processes of models
            setattr(sys, name, stream)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # characters that the terminal can't show
    if unseen:
        raise LmcompareError("the result can't be printed, since standard output is closed: leave it open")


def _usage(error: Any) -> str:
    """Return what is wrong with the arguments of the command, and how to see its help."""
    said = " ".join(error.format_message().split())
    said = re.sub(r"\. (Did you mean .*\?|\(?Possible .*)$", lambda m: f" ({m[1].strip('()')})", said).rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "lmcompare"
    return f"{said[:1].lower()}{said[1:]}: see '{command} --help'"


def _unforeseen(error: Exception) -> str:
    """Return the sentence for an error that the program did not expect, and keep the traceback in a file."""
    kept = ""
    with (
        contextlib.suppress(OSError),
        tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", errors="backslashreplace", prefix="lmcompare-", suffix=".txt", delete=False
        ) as file,
    ):
        file.write("".join(traceback.format_exception(error)))
        kept = f", with {file.name}, which holds the traceback"
    return f"this is a fault of lmcompare ({what_went_wrong(error)}): please report the command{kept}"


def _terminated(*_: object) -> None:
    """Stop as for Ctrl-C, so that a running cell is ended too."""
    raise KeyboardInterrupt


def _stop(sentence: str, code: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not change the exit code
    for stream, text in ((sys.stderr, f"lmcompare: {without_controls(sentence)}\n"), (sys.stdout, "")):
        try:
            print(text, end="", file=stream, flush=True)
        except OSError:  # an error of a full disk must not change the exit code
            _discard(stream)
    sys.exit(code)


def _discard(stream: Any) -> None:
    """Send the buffered output of a stream to the null device, so that flushing it at the exit does not fail."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
