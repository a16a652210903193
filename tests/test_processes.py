"""Functions in processes of their own: events, values, errors, and that no process is left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lmcompare.processes import EndedError, Event, RaisedError, TimeLimitError, call, start

MODULE = """
import os, time
import numpy as np
from lmcompare.errors import PluginError

def work(emit, how, table):
    print("output of its own")
    emit({"event": "job", "how": how, **table, "threads": os.environ.get("OMP_NUM_THREADS")})
    if how == "wait":
        emit({"event": "pid", "pid": os.getpid()})
        time.sleep(60)
    if how == "kill":
        os.kill(os.getpid(), 9)
    if how == "exit":
        os._exit(3)
    if how == "raise":
        raise ZeroDivisionError("no luck today")
    if how == "refuse":
        raise PluginError("choose another one")
    if how == "leave":
        raise SystemExit(5)
    return {"sum": np.float64(0.5), "list": [1, None]}
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "a_module.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    return "a_module:work"


def test_arguments_events_value_log_and_variables(work: str, tmp_path: Path) -> None:
    events: list[Event] = []
    given: dict[str, Any] = {"variables": {"OMP_NUM_THREADS": "1"}, "log": tmp_path / "log"}
    assert call(work, "end", {"a": [1]}, on_event=events.append, **given) == {"sum": 0.5, "list": [1, None]}
    assert events == [{"event": "job", "how": "end", "a": [1], "threads": "1"}]
    assert (tmp_path / "log").read_text() == "output of its own\n"


@pytest.mark.parametrize(
    ("how", "code", "said"), [("exit", 3, "ended with exit code 3"), ("kill", -9, r"by signal 9 \(out of memory\?\)")]
)
def test_a_process_that_ends_is_an_error(work: str, how: str, code: int, said: str) -> None:
    with pytest.raises(EndedError, match=said) as caught:
        call(work, how, {})
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("how", "expected", "said"),
    [
        ("raise", False, r"ZeroDivisionError: no luck today \(a_module.py, line 17\)"),
        ("refuse", True, "^choose another one$"),
        ("leave", False, "SystemExit: 5"),
    ],
)
def test_what_the_function_raises_comes_back(work: str, how: str, expected: bool, said: str, tmp_path: Path) -> None:
    with pytest.raises(RaisedError, match=said) as caught:
        call(work, how, {}, log=tmp_path / "log")
    assert caught.value.expected is expected
    assert "Traceback" in (tmp_path / "log").read_text()


def test_without_a_log_no_traceback_is_printed(work: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RaisedError):
        call(work, "raise", {})
    assert capfd.readouterr().err == "output of its own\n"


def test_a_function_that_is_not_there_is_an_error(work: str) -> None:
    with pytest.raises(RaisedError, match="AttributeError"):
        call("a_module:play")


def test_a_process_that_takes_too_long_is_ended(work: str) -> None:
    began, events = time.perf_counter(), []
    with pytest.raises(TimeLimitError, match="longer than its time limit of 2 s"):
        call(work, "wait", {}, on_event=events.append, seconds=2.0)
    assert time.perf_counter() - began < 40
    with pytest.raises(ProcessLookupError):
        os.kill(events[-1]["pid"], 0)
    assert call(work, "end", {}, seconds=30.0)["sum"] == 0.5


def test_several_run_at_once(work: str) -> None:
    with start(work, "end", {"which": 1}) as one, start(work, "end", {"which": 2}) as other:
        assert [next(child.events())["which"] for child in (one, other)] == [1, 2]
        assert [child.result()["sum"] for child in (one, other)] == [0.5, 0.5]


def test_a_process_ends_with_what_waits_for_it(work: str) -> None:
    pids: list[int] = []

    def stop(event: Event) -> None:
        if event["event"] == "pid":
            pids.append(event["pid"])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call(work, "wait", {}, on_event=stop)
    assert _gone(pids[0])


def test_a_process_ends_with_a_parent_that_is_killed(work: str) -> None:
    parent = (
        "import json; from lmcompare.processes import call\n"
        f"call('{work}', 'wait', {{}}, on_event=lambda event: print(json.dumps(event), flush=True))"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        pid = json.loads(process.stdout.readline())["pid"]
        process.kill()
    assert _gone(pid)


def _gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").is_file() and Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            return True  # dead, though nobody has asked for its exit code
        time.sleep(0.1)
    return False
