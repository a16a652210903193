"""The command line as a process: limits, signals, closed streams, and what plug-ins may do to it."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.console import RUN, lmcompare_process, lmcompare_started
from tests.harness.small import write_plugins, write_text


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a text, plug-ins and a run."""
    place = tmp_path_factory.mktemp("commands")
    write_text(place)
    write_plugins(place)
    done = lmcompare_process(*RUN, "--model", "unigram", "--out", "run", cwd=place)
    assert done.returncode == 0, done.stderr
    return place


@pytest.mark.parametrize("command", ["run", "models"])
@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("ulimit -v 400000", "'ulimit -v' allows 410 MB"),
        ("ulimit -n 20", "'ulimit -n' allows 20 open files"),
        ("umask 444", "with the umask 444 you have no permission"),
    ],
)
def test_limits_that_are_too_low_are_said_at_once(tmp_path: Path, command: str, limit: str, said: str) -> None:
    def limited(arguments: str) -> subprocess.CompletedProcess[str]:
        line = f"{limit}; exec {sys.executable} -m lmcompare.cli {arguments}"
        return subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True)

    done = limited(command)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert limited("--version").returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="the working directory can't be removed there")
@pytest.mark.parametrize("arguments", [("models",), ("run", "--corpus", "lee"), ("clean", "run")])
def test_a_working_directory_that_was_removed_is_said(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "gone").mkdir()
    with contextlib.chdir(tmp_path / "gone"):
        (tmp_path / "gone").rmdir()
        command = [sys.executable, "-P", "-m", "lmcompare.cli", *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "the working directory was removed" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_ctrl_c_during_checks_is_said(place: Path) -> None:
    with lmcompare_started("check", "plugins.py:Waits", cwd=place) as (process, out, error):
        out.readline()  # the first check is through
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert error.read() == "lmcompare: interrupted\n"


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("os._exit(0)", "before the command was finished, the process ended with exit code 0"),
        ("os.kill(os.getpid(), 9)", "the process was ended by signal 9 (out of memory"),
        ("atexit.register(os._exit, 0)", "with exit code 0: a plug-in"),
        ("sys.exit(3)", "can't be imported: SystemExit"),
        ("os.fork() or os._exit(0)", "has no model 'Own'"),
    ],
)
@pytest.mark.parametrize("command", [("models",), ("corpora", "show", "text.txt", "--tokens")])
def test_a_plug_in_that_ends_the_process_is_said(
    place: Path, tmp_path: Path, command: tuple[str, ...], does: str, said: str
) -> None:
    (tmp_path / "own.py").write_text(f"import atexit, os, sys\n{does}\n")
    done = lmcompare_process(*command, f"{tmp_path}/own.py:Own", cwd=place)
    assert done.returncode == 2
    assert said.replace("model", "model" if command == ("models",) else "tokenizer") in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.usefixtures("no_nohup")
def test_a_signal_ends_a_plug_in_too(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "own.py").write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)\n")
    with lmcompare_started("models", "./own.py:Own", cwd=tmp_path) as (process, out, error):
        assert int(out.readline()) != process.pid
        process.send_signal(number)
        killed = number == signal.SIGKILL
        assert process.wait(timeout=60) == (-9 if killed else 130)
        assert out.read() == "", "the child holds it open until it has ended"
        assert error.read() == ("" if killed else "lmcompare: interrupted\n")


@pytest.mark.parametrize(
    ("command", "streams", "code"),
    [
        ("tokenizers", ">&- 2>&-", 2),
        ("report run", ">&- 2>&- <&-", 0),
        ("generate run --model unigram", "| true", 141),
        ("report nowhere", "2>/dev/full", 2),
    ],
)
def test_what_can_not_be_written_has_its_exit_code(place: Path, command: str, streams: str, code: int) -> None:
    line = f"set -o pipefail; {sys.executable} -m lmcompare.cli {command} {streams}"
    done = subprocess.run(["bash", "-c", line], cwd=place, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (code, "")
