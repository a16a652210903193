"""What every command does with arguments that it does not have, with errors, limits, signals and closed streams."""

from __future__ import annotations

import errno
import io
import os
import re
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from lmcompare import errors
from lmcompare.cli import entry
from lmcompare.cli.app import check_limits
from lmcompare.errors import LmcompareError, working_directory
from tests.cli.console import lmcompare

LISTING = "lmcompare.tokens.tokenizer.listing"  # what ``lmcompare tokenizers`` prints


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("chek",), "no such command 'chek' (Did you mean 'check'?): see 'lmcompare --help'"),
        (("run", "--fourc"), "no such option: --fourc"),
        (("run", "--threads", "many"), "invalid value for '--threads'"),
        (("generate", "x", "--model", "m", "--length", "0"), "invalid value for '--length'"),
        (("score",), "missing argument 'DIR': see 'lmcompare score --help'"),
        (("generate", "x"), "missing option '--model'"),
        (("models", "ngram", "b"), "unexpected extra argument"),
    ],
)
def test_a_wrong_argument_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = lmcompare(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("lmcompare: ")
    assert said in done.stderr
    assert "lmcompare" in done.stderr.partition(": see '")[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "--corpus", "a", "--corpus", "b"), "--corpus is given twice"),
        (("run", "--out", "a", "-o", "b"), "--out is given twice"),
        (("run", "--preset=quick", "--preset=full"), "--preset is given twice"),
        (("corpora", "show", "a", "--tokens", "char", "--tokens", "char"), "--tokens is given twice"),
        (("score", "runs/lee", ""), "FILE is empty"),
        (("clean", ""), "DIR is empty"),
        (("report", "runs/lee", ""), "DIR is empty"),
        (("run", "none.toml", "--force", "--force", "-m", "a", "-m", "b"), "no experiment file"),
    ],
)
def test_a_second_value_of_an_option_is_refused(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = lmcompare(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (MemoryError(), 2, "memory"),
        (RuntimeError("can't start new thread"), 2, "memory"),
        (
            PermissionError(errno.EACCES, "Permission denied", "closed/cell.json"),
            2,
            "no permission for closed/cell.json",
        ),
        (OSError(errno.ENOSPC, "No space left"), 2, "a file or the output can't be used: No space left"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ZeroDivisionError("by zero"), 70, "fault of lmcompare (ZeroDivisionError"),
    ],
)
def test_an_error_is_one_sentence(
    tmp_path: Path, error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(LISTING, fail)
    done = lmcompare("tokenizers", cwd=tmp_path)
    assert done.returncode == code
    assert done.stderr.startswith("lmcompare: ")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    kept = list(tmp_path.glob("lmcompare-*.txt"))
    assert len(kept) == (code == 70), "the traceback of what was not foreseen"
    for file in kept:
        assert str(file) in done.stderr
        assert "in command" in file.read_text()
        assert "ZeroDivisionError" in file.read_text()


@pytest.mark.parametrize(
    ("limit", "most", "said"),
    [
        (resource.RLIMIT_AS, 1_499_999_999, r"'ulimit -v' allows 1,500 MB"),
        (resource.RLIMIT_NOFILE, 63, "'ulimit -n' allows 63 open files"),
        (None, 0o444, "with the umask 444 you have no permission"),
    ],
)
def test_limits_that_are_too_low_are_said_by_every_command(
    tmp_path: Path, limit: int | None, most: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def set_to(value: int) -> None:
        never = resource.RLIM_INFINITY
        monkeypatch.setattr(resource, "getrlimit", lambda kind: (value, value) if kind == limit else (never, never))
        monkeypatch.setattr("lmcompare.runfolder.files.umask", lambda: 0o022 if limit is not None else value)

    set_to(most)
    done = lmcompare("tokenizers", cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert lmcompare("--version", cwd=tmp_path).returncode == 0
    set_to(most + 1 if limit is not None else 0o077)
    check_limits()


@pytest.mark.parametrize("arguments", [("models",), ("run", "--corpus", "lee")])
def test_a_working_directory_that_was_removed_is_said(
    tmp_path: Path, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone:
        @staticmethod
        def cwd() -> Path:
            raise FileNotFoundError

    monkeypatch.setattr(errors, "Path", Gone)
    done = lmcompare(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "the working directory was removed" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_working_directory_that_may_not_be_entered_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(LmcompareError, match=f"you have no permission for {re.escape(str(Path.cwd()))}"):
        working_directory()


def test_no_command_shows_the_help(tmp_path: Path) -> None:
    done = lmcompare(cwd=tmp_path)
    assert done.returncode == 2
    assert "Usage: lmcompare" in done.stdout
    assert "generate" in done.stdout
    done = lmcompare("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout.split()[0]) == (0, "lmcompare")


@pytest.mark.parametrize(("command", "needs_output"), [("tokenizers", True), ("report", False)])
def test_closed_streams_get_the_null_device(
    command: str, needs_output: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("stdin", "stdout", "stderr")
    for name in names:
        monkeypatch.setattr(sys, name, None)
    monkeypatch.setattr(sys, "argv", ["lmcompare", command])
    if needs_output:
        with pytest.raises(LmcompareError, match="standard output is closed"):
            entry._open_streams()
    else:
        entry._open_streams()
    streams = [getattr(sys, name) for name in names]
    for stream in streams:
        assert stream.name == os.devnull
        assert os.get_inheritable(stream.fileno())
        stream.close()
    assert [stream.mode for stream in streams] == ["r", "w", "w"]


def test_characters_that_a_terminal_can_not_show_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    entry._open_streams()
    print("é")
    assert raw.getvalue() == b"\\xe9\n"


def test_commands_run_in_a_child_but_for_those_with_processes_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    apart: dict[str, Any] = {}
    monkeypatch.setattr(entry, "command", lambda **how: apart.update({sys.argv[1]: how["apart"]}))
    for name in ("models", "score", "run", "check"):
        monkeypatch.setattr(sys, "argv", ["lmcompare", name])
        entry.main()
    assert apart == {"models": True, "score": True, "run": False, "check": False}
