"""The command line as a process: a plug-in that ends it, signals, and streams that can't be written to."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.console import lmcompare_process, lmcompare_started

pytestmark = pytest.mark.slow

WAITS = "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)\n"
ABORTS = "import os, signal, time\nsignal.signal(2, lambda *_: os.abort())\nprint(1, flush=True)\ntime.sleep(60)\n"


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("os._exit(0)", "before the command was finished, the process ended with exit code 0"),
        ("os.fork() or os._exit(0)", "has no model 'Own'"),
    ],
)
def test_a_plug_in_that_ends_the_process_is_said(tmp_path: Path, does: str, said: str) -> None:
    (tmp_path / "own.py").write_text(f"import os\n{does}\n")
    done = lmcompare_process("models", "./own.py:Own", cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("code", "number"), [(WAITS, signal.SIGTERM), (ABORTS, signal.SIGINT)], ids=["SIGTERM", "Ctrl-C that aborts it"]
)
def test_a_signal_ends_a_plug_in_too(tmp_path: Path, code: str, number: signal.Signals) -> None:
    (tmp_path / "own.py").write_text(code)
    with lmcompare_started("models", "./own.py:Own", cwd=tmp_path) as (process, out, error):
        assert int(out.readline()) != process.pid
        process.send_signal(number)
        assert process.wait(timeout=60) == 130
        assert out.read() == "", "the child holds it open until it has ended"
        assert error.read() == "lmcompare: interrupted\n"


@pytest.mark.parametrize(
    ("streams", "code", "said"),
    [(">&-", 2, "standard output is closed"), ("| true", 141, ""), (">/dev/full", 2, "No space left")],
)
def test_what_can_not_be_written_has_its_exit_code(tmp_path: Path, streams: str, code: int, said: str) -> None:
    line = f"set -o pipefail; {sys.executable} -m lmcompare.cli tokenizers {streams}"
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert done.returncode == code
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == bool(said)
