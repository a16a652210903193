"""Functions in processes of their own: events, values, errors, and that no process is left behind."""

from __future__ import annotations

import os
import select
import selectors
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lmcompare.processes import (
    Child,
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

pytestmark = pytest.mark.slow

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


def gone(pid: int) -> bool:
    """Whether a process ends within ten seconds."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    ended, _, _ = select.select([process], [], [], 10.0)  # also of one whose exit code nobody has asked for
    os.close(process)
    return bool(ended)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "a_module.py").write_text(MODULE)
    (tmp_path / "bad_module.py").write_text(BAD)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    return "a_module:work"


def test_arguments_events_value_log_and_variables(work: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "string.py").write_text("words = 1")
    monkeypatch.chdir(tmp_path / "here")  # a file where one stands does not shadow a module
    events: list[Event] = []
    given: dict[str, Any] = {"variables": {"OMP_NUM_THREADS": "1"}, "log": tmp_path / "log"}
    assert call(work, "end", {"a": [1]}, on_event=events.append, **given) == {"sum": 0.5, "list": [1, None]}
    assert events == [{"event": "job", "how": "end", "a": [1], "threads": "1"}]
    assert (tmp_path / "log").read_text() == "output of its own\n"


def test_what_a_process_sent_before_its_end_is_read_after_it(work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    selected, asked = selectors.DefaultSelector.select, []

    def late(self: selectors.DefaultSelector, timeout: float | None = None) -> list[Any]:
        asked.append(timeout)
        return [] if len(asked) == 1 else selected(self, timeout)  # as after this process was stopped for a while

    with start(work, "end", {}) as child:
        child.process.wait(60)
        monkeypatch.setattr(selectors.DefaultSelector, "select", late)
        assert [event["how"] for event in child.events()] == ["end"]
        assert child.result() == {"sum": 0.5, "list": [1, None]}


@pytest.mark.parametrize(("how", "code"), [("exit", 3), ("2", -2)])  # an interruption is not the plug-in's
def test_a_process_that_ends_is_an_error(work: str, how: str, code: int) -> None:
    with pytest.raises(EndedError) as caught:
        call(work, how, {})
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (3, "exit code 3: .* must not end the process"),
        (-signal.SIGKILL, r"by signal 9 \(out of memory"),
        (-signal.SIGSEGV, "a fault in compiled code"),
        (-signal.SIGALRM, "a timer that a plug-in"),
        (-signal.SIGTERM, "another program has sent"),
        (-99, "by signal 99"),
    ],
)
def test_why_a_process_ended(code: int, said: str) -> None:
    with pytest.raises(EndedError, match=said):
        raise EndedError(code)


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
    with pytest.raises(RaisedError, match="AttributeError"):
        call("a_module:play")


def test_a_process_that_takes_too_long_is_ended(work: str) -> None:
    with pytest.raises(TimeLimitError, match=r"0\.01 s"):
        call(work, "wait", {}, seconds=0.01)
    assert call(work, "end", {}, seconds=1e300)["sum"] == 0.5  # more than a timer takes


def test_a_process_that_prints_without_end_is_ended(
    work: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmcompare.processes.calls.MOST_LOG", 1 << 21)
    with pytest.raises(LongLogError, match="2,097,152"):
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
    assert gone(pids[0])


@pytest.mark.usefixtures("work")
def test_what_a_function_leaves_behind_is_ended() -> None:
    events: list[Event] = []
    assert call("bad_module:leaves", "child", on_event=events.append) == "child"
    assert gone(events[0]["pid"])


def test_the_processes_of_the_machine_are_looked_through_once(work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr("lmcompare.processes.calls._marked", lambda mark: looked.append(mark))
    assert call(work, "end", {"a": [1]}) is not None
    assert len(looked) == 1


@contextmanager
def sent(content: bytes, code: int = 0) -> Iterator[Child]:
    """A process that has ended and has sent this, though another process may still write to its pipe."""
    end, begin = os.pipe()
    with open(end, "rb") as stdout, open(begin, "wb", buffering=0) as channel:
        channel.write(content)
        yield Child(cast("Any", SimpleNamespace(stdout=stdout, poll=lambda: code, wait=lambda timeout: code)), "")


@pytest.mark.parametrize(
    "text",
    [
        *(b"5\n", b"[]\n", b"[1, 2, 3]\n", b'["event", 7]\n', b'["raised", {}]\n', b"\xff\xfe\n"),
        *(b'["raised", {"sentence": "a", "expected": 1}]\n', b"[" * 9999 + b"\n", b"hello\n", b'["other", 1]\n'),
    ],
)
def test_junk_on_the_channel_is_refused(text: bytes) -> None:
    with sent(text) as child, pytest.raises(JunkError):
        child.result()


def test_a_message_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmcompare.processes.calls.MOST_BYTES", 1000)
    with sent(b"x" * 1001) as child, pytest.raises(JunkError, match="1,000"):
        child.result()


def test_a_process_that_ends_while_others_hold_its_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    selected = selectors.DefaultSelector.select
    monkeypatch.setattr(selectors.DefaultSelector, "select", lambda self, timeout=None: selected(self, 0))
    with sent(b'["event", {"event": "a"}]\n["eve', code=4) as child, pytest.raises(EndedError, match="exit code 4"):
        child.result()
