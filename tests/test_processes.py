"""Functions in processes of their own: events, values, errors, and that no process is left behind."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lmcompare.processes import (
    EndedError,
    Event,
    JunkError,
    LongLogError,
    RaisedError,
    TimeLimitError,
    call,
    start,
)
from lmcompare.processes.calls import KEPT_LOG

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
    while how == "talk":
        print("again " * 1000)
    if how.isdigit():
        os.kill(os.getpid(), int(how))
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


def test_what_a_process_sent_before_its_end_is_read_after_it(work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    select, asked = selectors.DefaultSelector.select, []

    def late(self: selectors.DefaultSelector, timeout: float | None = None) -> list[Any]:
        asked.append(timeout)
        return [] if len(asked) == 1 else select(self, timeout)  # as after this process was stopped for a while

    with start(work, "end", {}) as child:
        child.process.wait(60)
        monkeypatch.setattr(selectors.DefaultSelector, "select", late)
        assert [event["how"] for event in child.events()] == ["end"]
        assert child.result() == {"sum": 0.5, "list": [1, None]}


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        ("exit", 3, "ended with exit code 3: .* must not end the process"),
        ("9", -9, r"by signal 9 \(out of memory\?\)"),
        ("11", -11, "a fault in compiled code"),
        ("14", -14, "a timer that a plug-in"),
        *((str(number), -number, "run the command again") for number in (1, 2, 15)),  # SIGINT is not the plug-in's
    ],
)
@pytest.mark.usefixtures("no_nohup")
def test_a_process_that_ends_is_an_error(work: str, how: str, code: int, said: str) -> None:
    with pytest.raises(EndedError, match=said) as caught:
        call(work, how, {})
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("how", "expected", "said"),
    [
        ("raise", False, r"ZeroDivisionError: no luck today \(a_module.py, line 19\)"),
        ("refuse", True, "^choose another one$"),
        ("leave", False, "SystemExit: 5"),
    ],
)
def test_what_the_function_raises_comes_back(work: str, how: str, expected: bool, said: str, tmp_path: Path) -> None:
    with pytest.raises(RaisedError, match=said) as caught:
        call(work, how, {}, log=tmp_path / "log")
    assert caught.value.expected is expected
    assert "Traceback" in (tmp_path / "log").read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_log_without_room_hides_nothing_that_the_function_raises(work: str) -> None:
    with pytest.raises(RaisedError, match=r"No space left|no luck today"):
        call(work, "raise", {}, log=Path("/dev/full"))


def test_without_a_log_no_traceback_is_printed(work: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RaisedError):
        call(work, "raise", {})
    assert capfd.readouterr().err == "output of its own\n"


def test_a_function_that_is_not_there_is_an_error(work: str) -> None:
    with pytest.raises(RaisedError, match="AttributeError"):
        call("a_module:play")


def test_a_process_that_takes_too_long_is_ended(work: str) -> None:
    began = time.perf_counter()
    events: list[Any] = []
    with pytest.raises(TimeLimitError, match="longer than its time limit of 2 s"):
        call(work, "wait", {}, on_event=events.append, seconds=2.0)
    assert time.perf_counter() - began < 40
    with pytest.raises(ProcessLookupError):
        os.kill(events[-1]["pid"], 0)
    for seconds in (30.0, 1e300):  # which is more than a timer takes
        assert call(work, "end", {}, seconds=seconds)["sum"] == 0.5


def test_a_process_that_prints_without_end_is_ended(
    work: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmcompare.processes.calls.MOST_LOG", 1 << 21)
    with pytest.raises(LongLogError, match="more than 2,097,152 bytes"):
        call(work, "talk", {}, log=tmp_path / "log", seconds=60.0)
    assert (tmp_path / "log").stat().st_size == KEPT_LOG


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


BAD = """
import os, subprocess, sys, threading, time

def channel():
    return max(int(fd) for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")
               and os.readlink(f"/proc/self/fd/{fd}").startswith("pipe:"))

def junk(emit, text):
    os.write(channel(), text.encode("latin-1"))
    time.sleep(60)

def flood(emit):
    while True:
        os.write(channel(), b"x" * (1 << 16))

def leaves(emit, how):
    if how == "child":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
        emit({"event": "pid", "pid": child.pid})
    if how == "fork" and os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        emit({"event": "pid", "pid": os.getpid()})
        time.sleep(60)
        os._exit(0)
    if how == "thread":
        threading.Thread(target=time.sleep, args=(60,)).start()
    if how == "atexit":
        import atexit
        atexit.register(time.sleep, 60)
    return how

def dies(emit):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True, close_fds=False)
    os._exit(4)

def waits(emit):
    emit({"event": "pid", "pid": subprocess.Popen(["sleep", "60"], start_new_session=True, close_fds=False).pid})
    time.sleep(60)
"""


@pytest.fixture
def bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad_module.py").write_text(BAD)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setattr("lmcompare.processes.calls.GRACE", 1)


@pytest.mark.usefixtures("bad")
@pytest.mark.parametrize(
    "text",
    ["5\n", "[]\n", "[1, 2, 3]\n", '["event", 7]\n', '["raised", {}]\n', "\xff\xfe\n", "[" * 9999 + "\n", "hello\n"],
)
def test_junk_on_the_channel_ends_the_process(text: str) -> None:
    began = time.perf_counter()
    with pytest.raises(JunkError, match="something that is not a message"):
        call("bad_module:junk", text)
    assert time.perf_counter() - began < 30


@pytest.mark.usefixtures("bad")
def test_a_message_without_an_end_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmcompare.processes.calls.MOST_BYTES", 1 << 20)
    with pytest.raises(JunkError, match="without a line end"):
        call("bad_module:flood")


@pytest.mark.usefixtures("bad")
@pytest.mark.parametrize("how", ["child", "fork", "thread", "atexit"])
def test_what_a_function_leaves_behind_is_ended(how: str) -> None:
    events: list[Event] = []
    began = time.perf_counter()
    assert call("bad_module:leaves", how, on_event=events.append) == how
    assert time.perf_counter() - began < 30
    assert all(_gone(event["pid"]) for event in events)


def test_the_processes_of_the_machine_are_looked_through_once(work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def marked(mark: str) -> list[int]:
        looked.append(mark)
        return []

    monkeypatch.setattr("lmcompare.processes.calls._marked", marked)
    assert call(work, "end", {"a": [1]}) is not None
    assert len(looked) == 1


@pytest.mark.usefixtures("bad")
def test_a_process_that_ends_while_others_hold_its_pipe() -> None:
    with pytest.raises(EndedError, match="exit code 4"):
        call("bad_module:dies")


@pytest.mark.usefixtures("bad")
def test_the_time_limit_ends_what_the_process_has_started() -> None:
    events: list[Event] = []
    with pytest.raises(TimeLimitError):
        call("bad_module:waits", on_event=events.append, seconds=3.0)
    assert _gone(events[0]["pid"])
