"""What a process has started ends with it, and all end with a caller that is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lmcompare.processes import EndedError, Event, JunkError, TimeLimitError, call
from tests.test_processes import BAD, MODULE, gone


@pytest.fixture(autouse=True)
def bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad_module.py").write_text(BAD)
    (tmp_path / "a_module.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setattr("lmcompare.processes.calls.GRACE", 1)


def test_a_process_ends_with_a_parent_that_is_killed() -> None:
    parent = (
        "import json; from lmcompare.processes import call\n"
        "call('a_module:work', 'wait', {}, on_event=lambda event: print(json.dumps(event), flush=True))"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        pid = json.loads(process.stdout.readline())["pid"]
        process.kill()
    assert gone(pid)


@pytest.mark.parametrize("how", ["fork", "thread", "atexit"])
def test_what_a_function_leaves_behind_is_ended(how: str) -> None:
    events: list[Event] = []
    began = time.perf_counter()
    assert call("bad_module:leaves", how, on_event=events.append) == how
    assert time.perf_counter() - began < 30
    assert all(gone(event["pid"]) for event in events)


def test_junk_on_the_channel_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.perf_counter()
    with pytest.raises(JunkError):
        call("bad_module:junk", "hello\n")
    monkeypatch.setattr("lmcompare.processes.calls.MOST_BYTES", 1 << 20)
    with pytest.raises(JunkError, match="without a line end"):
        call("bad_module:flood")
    assert time.perf_counter() - began < 60


@pytest.mark.usefixtures("no_nohup")
@pytest.mark.parametrize("number", [1, 15])
def test_a_process_that_a_signal_ends_is_an_error(number: int) -> None:
    with pytest.raises(EndedError) as caught:
        call("a_module:work", str(number), {})
    assert caught.value.code == -number


def test_the_time_limit_ends_what_the_process_has_started() -> None:
    events: list[Event] = []
    with pytest.raises(TimeLimitError):
        call("bad_module:waits", on_event=events.append, seconds=3.0)
    assert gone(events[0]["pid"])
