"""The command line: in this process, or in a process of its own where the process is what is tested."""

from __future__ import annotations

import contextlib
import io
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from unittest.mock import patch

from lmcompare.cli.entry import ENDING, command

Done = subprocess.CompletedProcess[str]
RUN = ("run", "--corpus", "text.txt", "--documents", "line", "--device", "cpu")


class Terminal(io.TextIOWrapper):
    """A file that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def lmcompare(*arguments: str, cwd: Path, stdin: str = "", stream: type[io.TextIOWrapper] = io.TextIOWrapper) -> Done:
    """Run a command in this process, which has imported everything already."""
    raw = [io.BytesIO() for _ in range(3)]
    given, out, err = (stream(each, encoding="utf-8", write_through=True) for each in raw)
    code: Any = 0
    given.write(stdin)
    given.seek(0)
    before = {number: signal.getsignal(number) for number in ENDING}
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        patch.object(sys, "argv", ["lmcompare", *arguments]),
        patch.object(sys, "stdin", given),
    ):
        try:
            command()
        except SystemExit as stop:
            code = stop.code
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.signal(signal.SIGINT, signal.default_int_handler)
    return Done(arguments, code, raw[1].getvalue().decode(), raw[2].getvalue().decode())


def lmcompare_process(*arguments: str, cwd: Path, stdin: str = "") -> Done:
    """Run a command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "lmcompare.cli", *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


@contextlib.contextmanager
def lmcompare_started(*arguments: str, cwd: Path) -> Iterator[tuple[subprocess.Popen[str], IO[str], IO[str]]]:
    """Start a command in a process of its own; give the process, its standard output and its standard error."""
    with subprocess.Popen(
        [sys.executable, "-m", "lmcompare.cli", *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        yield process, process.stdout, process.stderr
