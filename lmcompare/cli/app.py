"""The command-line application, and what its commands share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from lmcompare import __version__
from lmcompare.errors import LmcompareError, without_controls

# Bytes of addresses, most of them never used. Below about 1.2 GB on two cores, Arrow waits for threads that could not
# be started, and OpenBLAS ends the process.
LEAST_ADDRESSES = 1_500_000_000


class InterruptedRunError(Exception):
    """Ctrl-C during a run; the message says what to do next."""


app = typer.Typer(
    help="Language models of every generation on the same text: how well, at what cost, and why.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def flag(*names: str, help: str) -> Any:
    """Return an option that takes no value; some versions of typer would write ``<bool>`` behind its name."""
    return typer.Option(*names, metavar="", help=help)


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    version: Annotated[bool, flag("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        print(f"lmcompare {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(2)
    else:
        _check_address_space()


def _check_address_space() -> None:
    """Raise ``LmcompareError`` where 'ulimit -v' allows too little: libraries would wait without end, or exit."""
    if sys.platform == "win32":  # has no such limit
        return
    import resource

    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    if allowed != resource.RLIM_INFINITY and allowed < LEAST_ADDRESSES:
        raise LmcompareError(
            f"'ulimit -v' allows {allowed / 1e6:,.0f} MB of addresses, and lmcompare needs at least"
            f" {LEAST_ADDRESSES / 1e6:,.0f} MB: raise the limit, or remove it with 'ulimit -v unlimited'"
        )


def note(sentence: str) -> None:
    """Print a note to standard error."""
    print(f"lmcompare: note: {without_controls(sentence)}", file=sys.stderr)


def say(text: str, end: str = "\n", flush: bool = False) -> None:
    """Print what a corpus, a model or a plug-in says: exactly to a file or pipe, without controls to a terminal."""
    print(without_controls(text) if sys.stdout.isatty() else text, end=end, flush=flush)


def folder_named(out: str) -> Path:
    """Return the folder that ``--out`` names. Raises ``LmcompareError`` for an empty name."""
    if not out:
        raise LmcompareError("--out names no folder: leave it out, or give the name of a folder")
    return Path(out)
