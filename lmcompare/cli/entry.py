"""The console script: an error is one sentence, and each way to end has its own exit code."""

from __future__ import annotations

import io
import os
import re
import signal
import sys
from typing import Any

import typer

from lmcompare.cli import commands  # noqa: F401  (registers them)
from lmcompare.cli.app import InterruptedRunError, app
from lmcompare.errors import TOO_LITTLE_MEMORY, LmcompareError, is_out_of_memory, without_controls

INTERRUPTED = 130
# Some versions of typer depend on click, others contain it; both derive usage errors from a class of this name.
ClickError: type[Exception] = next(cls for cls in typer.BadParameter.__mro__ if cls.__name__ == "ClickException")


def main() -> None:
    """Run the command line; a user's error is one sentence and exit code 2, Ctrl-C is 130."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # characters that the terminal can't show
    signal.signal(signal.SIGTERM, _terminated)
    code = 0
    try:
        code = app(standalone_mode=False, prog_name="lmcompare") or 0
        if code == INTERRUPTED:
            raise KeyboardInterrupt  # typer catches it and returns the code
    except LmcompareError as error:
        _stop(str(error), 2)
    except ClickError as error:
        _stop(_usage(error), 2)
    except (KeyboardInterrupt, typer.Abort, InterruptedRunError) as stop:
        _stop(str(stop) or "interrupted", INTERRUPTED)
    except BrokenPipeError:  # the reader of the output has stopped reading, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    except OSError as error:
        _stop(f"{error.filename or 'a file'} can't be used: {error.strerror or error}", 2)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        _stop(f"{TOO_LITTLE_MEMORY}: give it more, or run smaller models on less text", 2)
    sys.exit(code)


def _usage(error: Any) -> str:
    """Return what is wrong with the arguments of the command, and how to see its help."""
    said = " ".join(error.format_message().split())
    said = re.sub(r"\. (Did you mean .*\?|\(?Possible .*)$", lambda m: f" ({m[1].strip('()')})", said).rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "lmcompare"
    return f"{said[:1].lower()}{said[1:]}: see '{command} --help'"


def _terminated(*_: object) -> None:
    """Stop as for Ctrl-C, so that a running cell is ended too."""
    raise KeyboardInterrupt


def _stop(sentence: str, code: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not change the exit code
    print(f"lmcompare: {without_controls(sentence)}", file=sys.stderr)
    sys.exit(code)
