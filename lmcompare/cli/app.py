"""The command-line application, and what its commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand

from lmcompare import __version__
from lmcompare.errors import LmcompareError, without_controls, working_directory

# Bytes of address space, most of which is never used. Below about 1.2 GB on two cores, Arrow waits for threads that
# could not be started, and OpenBLAS ends the process.
LEAST_ADDRESSES = 1_500_000_000
LEAST_FILES = 64  # that are open at the same time


F = TypeVar("F", bound=Callable[..., Any])


class InterruptedRunError(Exception):
    """Ctrl-C during a run; the message says what to do next."""


class OnceCommand(TyperCommand):
    """A command that refuses empty arguments, and an option of one value that is given twice.

    An empty path would be the working directory, and of two values the last would count.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        values, _, given = self.make_parser(ctx).parse_args(list(args))
        for argument in (p for p in given if p.param_type_name == "argument"):
            value = values.get(argument.name)
            if "" in (value if isinstance(value, tuple | list) else (value,)):  # as a path it would be this folder
                raise LmcompareError(f"{(argument.metavar or argument.name).rstrip('.')} is empty: give it a value")
        once = [p for p in given if p.param_type_name == "option" and not getattr(p, "multiple", False)]
        for option in once:
            if once.count(option) > 1 and not getattr(option, "is_flag", False):
                raise LmcompareError(f"{option.opts[0]} is given twice, and takes one value: give it once")
        return super().parse_args(ctx, args)


class App(typer.Typer):
    """A group of such commands."""

    def command(self, *names: Any, **settings: Any) -> Callable[[F], F]:
        """Return the decorator that makes a function a command."""
        return super().command(*names, cls=OnceCommand, **settings)


app = App(
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
        working_directory()


def check_limits() -> None:
    """Raise ``LmcompareError`` if 'ulimit' or 'umask' allows too little: some libraries would wait for ever."""
    if sys.platform == "win32":  # has no such limit
        return
    import resource

    from lmcompare.runfolder.files import umask

    if (mask := umask()) & 0o700:
        raise LmcompareError(
            f"with the umask {mask:03o} you have no permission for the files that you make: set another, for example"
            " with 'umask 022'"
        )
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    if allowed != resource.RLIM_INFINITY and allowed < LEAST_ADDRESSES:
        raise LmcompareError(
            f"'ulimit -v' allows {allowed / 1e6:,.0f} MB of address space, and lmcompare needs at least"
            f" {LEAST_ADDRESSES / 1e6:,.0f} MB: raise the limit, or remove it with 'ulimit -v unlimited'"
        )
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files < LEAST_FILES:
        raise LmcompareError(
            f"'ulimit -n' allows {files} open files, and lmcompare needs at least {LEAST_FILES}: raise the limit, for"
            " example with 'ulimit -n 1024'"
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
