"""What every command does with arguments that it does not have, and with Ctrl-C."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from lmcompare.cli.app import check_limits
from lmcompare.errors import LmcompareError, working_directory
from tests.cli.console import lmcompare, lmcompare_process
from tests.harness.small import write_plugins, write_text


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
        (("generate", "x", "-m", "a", "-m", "b"), "--model is given twice"),
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


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")])
def test_too_little_memory_is_one_sentence(tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("lmcompare.tokens.registered.listing", fail)
    done = lmcompare("tokenizers", cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "memory" in done.stderr


def test_a_fault_of_the_program_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("lmcompare.tokens.registered.listing", lambda: 1 // 0)
    done = lmcompare("tokenizers", cwd=tmp_path)
    assert done.returncode == 70
    assert len(done.stderr.splitlines()) == 1
    (kept,) = tmp_path.glob("lmcompare-*.txt")
    assert str(kept) in done.stderr
    assert "in command" in kept.read_text()
    assert "ZeroDivisionError" in kept.read_text()


def test_a_file_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "closed/cell.json")

    monkeypatch.setattr("lmcompare.tokens.registered.listing", fail)
    done = lmcompare("tokenizers", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("lmcompare: you have no permission for closed/cell.json: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", ["run", "models"])
@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("ulimit -v 400000", "'ulimit -v' allows 410 MB"),
        ("ulimit -n 20", "'ulimit -n' allows 20 open files"),
        ("umask 444", "with the umask 444 you have no permission"),
    ],
)
def test_limits_that_are_too_low_are_said_at_once(tmp_path: Path, arguments: str, limit: str, said: str) -> None:
    limited = f"{limit}; exec {sys.executable} -m lmcompare.cli"
    given = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 60}
    done = subprocess.run(["sh", "-c", f"{limited} {arguments}"], **given)  # type: ignore[call-overload]
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert subprocess.run(["sh", "-c", f"{limited} --version"], **given).returncode == 0  # type: ignore[call-overload]


def test_too_few_threads_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    begun = threading.Thread.start
    left = [5]

    def start(thread: threading.Thread) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise RuntimeError("can't start new thread")
        begun(thread)

    monkeypatch.setattr(resource, "getrlimit", lambda kind: (40, 40) if kind == resource.RLIMIT_NPROC else (-1, -1))
    before = threading.active_count()
    check_limits()
    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(LmcompareError, match="'ulimit -u' allows 40"):
        check_limits()
    assert threading.active_count() == before


@pytest.mark.skipif(sys.platform == "win32", reason="the working directory can't be removed there")
@pytest.mark.parametrize("arguments", [("models",), ("run", "--corpus", "lee"), ("clean", "run")])
def test_a_working_directory_that_was_removed_is_said(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "gone").mkdir()
    with contextlib.chdir(tmp_path / "gone"):
        (tmp_path / "gone").rmdir()
        done = subprocess.run(
            [sys.executable, "-P", "-m", "lmcompare.cli", *arguments], capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 2
    assert "the working directory was removed" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_working_directory_that_may_not_be_entered_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(LmcompareError, match=f"you have no permission for {re.escape(str(Path.cwd()))}"):
        working_directory()


def test_no_command_shows_the_help(tmp_path: Path) -> None:
    done = lmcompare_process(cwd=tmp_path)
    assert done.returncode == 2
    assert "Usage: lmcompare" in done.stdout
    assert "generate" in done.stdout
    done = lmcompare("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout.split()[0]) == (0, "lmcompare")


def test_ctrl_c_is_said_whatever_the_command(tmp_path: Path) -> None:
    write_plugins(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-m", "lmcompare.cli", "check", "plugins.py:Waits"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()  # the first check is through
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
        assert process.stderr.read() == "lmcompare: interrupted\n"


@pytest.mark.parametrize(
    ("does", "code", "said"),
    [
        ("os._exit(0)", 2, "before the command was finished, the process ended with exit code 0"),
        ("os.kill(os.getpid(), 9)", 2, "the process was ended by signal 9 (out of memory?)"),
        ("atexit.register(os._exit, 0)", 2, "with exit code 0: a plug-in"),
        ("sys.exit(3)", 2, "can't be imported: SystemExit"),
        ("os.fork() or os._exit(0)", 2, "has no model 'Own'"),
    ],
)
@pytest.mark.parametrize("command", [("models",), ("corpora", "show", "text.txt", "--tokens")])
def test_a_plug_in_that_ends_the_process_is_said(
    tmp_path: Path, command: tuple[str, ...], does: str, code: int, said: str
) -> None:
    write_text(tmp_path)
    (tmp_path / "own.py").write_text(f"import atexit, os, sys\n{does}\n")
    done = lmcompare_process(*command, "./own.py:Own", cwd=tmp_path)
    assert done.returncode == code
    assert said.replace("model", "model" if command == ("models",) else "tokenizer") in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.usefixtures("no_nohup")
def test_a_signal_ends_a_plug_in_too(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "own.py").write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)\n")
    with subprocess.Popen(
        [sys.executable, "-m", "lmcompare.cli", "models", "./own.py:Own"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert int(process.stdout.readline()) != process.pid
        process.send_signal(number)
        killed = number == signal.SIGKILL
        assert process.wait(timeout=30) == (-9 if killed else 130)
        assert process.stdout.read() == "", "the child holds it open until it has ended"
        assert process.stderr.read() == ("" if killed else "lmcompare: interrupted\n")


def test_code_that_aborts_at_ctrl_c_is_interrupted(tmp_path: Path) -> None:
    code = "import os, signal, time\nsignal.signal(2, lambda *_: os.abort())\nprint(1, flush=True)\ntime.sleep(60)\n"
    (tmp_path / "own.py").write_text(code)
    command = [sys.executable, "-m", "lmcompare.cli", "models", "./own.py:Own"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
        assert process.stderr.read() == "lmcompare: interrupted\n"


@pytest.mark.parametrize(
    ("command", "streams", "code", "said"),
    [
        ("tokenizers", ">&-", 2, "standard output is closed"),
        ("tokenizers", ">&- 2>&-", 2, ""),
        ("report run", ">&- 2>&- <&-", 0, ""),
        ("tokenizers", "| true", 141, ""),
        ("generate run --model unigram", "| true", 141, ""),
        ("tokenizers", ">/dev/full", 2, "No space left"),
        ("report nowhere", "2>/dev/full", 2, ""),
    ],
)
def test_what_can_not_be_written_has_its_exit_code(
    place: Path, command: str, streams: str, code: int, said: str
) -> None:
    line = f"set -o pipefail; {sys.executable} -m lmcompare.cli {command} {streams}"
    done = subprocess.run(["bash", "-c", line], cwd=place, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == code
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == bool(said)
