"""Children: their events, their exit codes, and that none is left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lmcompare.processes import Event, how_it_ended, run_child

CHILD = """
import json, os, sys, time
from lmcompare.processes import end_with_parent, event_stream
job = json.load(open(sys.argv[1]))
end_with_parent()
with event_stream() as emit:
    print("words of its own")
    emit({"event": "job", **job, "threads": os.environ.get("OMP_NUM_THREADS")})
    if job["how"] == "wait":
        emit({"event": "pid", "pid": os.getpid()})
        time.sleep(60)
    if job["how"] == "kill":
        os.kill(os.getpid(), 9)
    if job["how"] == "exit":
        os._exit(3)
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "a_child.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    return "a_child"


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [("end", 0, "exit code 0"), ("exit", 3, "exit code 3"), ("kill", -9, "signal 9 (out of memory?)")],
)
def test_events_and_exit_codes(child: str, how: str, code: int, said: str, tmp_path: Path) -> None:
    events: list[Event] = []
    with (tmp_path / "log").open("w") as log:
        found = run_child(child, {"how": how}, events.append, stderr=log, variables={"OMP_NUM_THREADS": "1"})
    assert found == code
    assert said in how_it_ended(found)
    assert events == [{"event": "job", "how": how, "threads": "1"}]
    assert (tmp_path / "log").read_text() == "words of its own\n"


def test_a_child_that_takes_too_long_is_ended(child: str) -> None:
    began, events = time.perf_counter(), []
    with pytest.raises(TimeoutError, match="longer than its time limit of 2 s"):
        run_child(child, {"how": "wait"}, events.append, seconds=2.0)
    assert time.perf_counter() - began < 40
    with pytest.raises(ProcessLookupError):
        os.kill(events[-1]["pid"], 0)
    assert run_child(child, {"how": "end"}, events.append, seconds=30.0) == 0


def test_a_child_ends_with_what_waits_for_it(child: str, tmp_path: Path) -> None:
    pids: list[int] = []

    def stop(event: Event) -> None:
        if event["event"] == "pid":
            pids.append(event["pid"])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_child(child, {"how": "wait"}, stop)
    assert _gone(pids[0])


def test_a_child_ends_with_a_parent_that_is_killed(child: str, tmp_path: Path) -> None:
    parent = (
        "import json; from lmcompare.processes import run_child\n"
        f"run_child('{child}', {{'how': 'wait'}}, lambda event: print(json.dumps(event), flush=True))"
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
