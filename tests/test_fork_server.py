"""Processes that are forked from a server: the same promises as those of processes that are started afresh."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lmcompare.processes import (
    EndedError,
    Event,
    ForkServer,
    JunkError,
    RaisedError,
    ServerLostError,
    TimeLimitError,
    call,
    start,
)
from tests.test_processes import BAD, MODULE, _gone

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="servers fork on Linux alone")

TOLD = """
import os, random, sys, time
import numpy as np
from pathlib import Path

def ready(answer):
    return answer

def threaded():
    import threading
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    return True

def facts(emit):
    print("output of its own")
    shown = Path("/proc/self/environ").read_bytes().decode().split("\\0")
    marks = [part for part in shown if "LMCOMPARE_MARKS" in part]
    return {
        "pid": os.getpid(), "parent": os.getppid(), "session": os.getsid(0), "torch": "torch" in sys.modules,
        "threads": os.environ["OMP_NUM_THREADS"], "marks": marks, "mark": os.environ["LMCOMPARE_MARKS"],
        "drawn": [random.random(), float(np.random.random())], "descriptors": sorted(os.listdir("/proc/self/fd")),
        "stdin": sys.stdin.read(),
    }

def resident(emit):
    lines = Path("/proc/self/status").read_text().splitlines()
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)
            if name in ("RssFile", "VmHWM")}

def ends_server(emit):
    os.kill(os.getppid(), 9)
    time.sleep(60)

def waits(emit):
    emit({"event": "pid", "pid": os.getpid()})
    time.sleep(60)
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ForkServer]:
    for name, code in {"a_module": MODULE, "bad_module": BAD, "told": TOLD}.items():
        (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setattr("lmcompare.processes.calls.GRACE", 1)
    made = ForkServer("told:ready", True, variables={"OMP_NUM_THREADS": "3"})
    yield made
    made.close()


def test_each_call_has_a_process_of_its_own(server: ForkServer, tmp_path: Path) -> None:
    one, other = (call("told:facts", log=tmp_path / f"{n}", server=server) for n in range(2))
    assert one["parent"] == other["parent"] != os.getpid()
    assert one["pid"] != other["pid"]
    assert (one["session"], one["threads"], one["stdin"]) == (one["pid"], "3", "")
    assert one["marks"] == [f"LMCOMPARE_MARKS={one['mark']}"], "as the system shows it to other processes"
    assert one["mark"] != other["mark"]
    assert all(ours != theirs for ours, theirs in zip(one["drawn"], other["drawn"], strict=True))
    assert one["descriptors"] == other["descriptors"] == ["0", "1", "2", "3", "4"]  # the channel, and the listing
    assert [(tmp_path / f"{n}").read_text() for n in range(2)] == ["output of its own\n"] * 2


def test_libraries_count_as_memory_of_each_process(server: ForkServer, tmp_path: Path) -> None:
    found = call("told:resident", log=tmp_path / "log", server=server)
    lines = Path(f"/proc/{server._process.pid}/status").read_text().splitlines()
    of_server = {
        name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines) if "Rss" in name
    }
    assert found["RssFile"] >= 0.9 * of_server["RssFile"] > 0
    assert found["VmHWM"] >= 0.9 * (of_server["RssFile"] + of_server["RssAnon"])


def test_events_and_what_is_raised(server: ForkServer, tmp_path: Path) -> None:
    events: list[Event] = []
    given: dict[str, Any] = {"log": tmp_path / "log", "server": server}
    assert call("a_module:work", "end", {"a": [1]}, on_event=events.append, **given)["sum"] == 0.5
    assert events == [{"event": "job", "how": "end", "a": [1], "threads": "3"}]
    with pytest.raises(RaisedError, match="no luck today"):
        call("a_module:work", "raise", {}, **given)
    assert "Traceback" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(("how", "code"), [("exit", 3), ("9", -9), ("11", -11), ("2", -2), ("15", -15)])
def test_a_process_that_ends_is_an_error(server: ForkServer, how: str, code: int, tmp_path: Path) -> None:
    with pytest.raises(EndedError) as caught:
        call("a_module:work", how, {}, log=tmp_path / "log", server=server)
    assert caught.value.code == code
    assert call("a_module:work", "end", {}, log=tmp_path / "log", server=server), "the others go on"


def test_the_time_limit_ends_what_the_process_has_started(server: ForkServer, tmp_path: Path) -> None:
    events: list[Event] = []
    with pytest.raises(TimeLimitError):
        call("bad_module:waits", on_event=events.append, seconds=2.0, log=tmp_path / "log", server=server)
    assert _gone(events[0]["pid"])


@pytest.mark.parametrize("how", ["child", "fork", "thread", "atexit"])
def test_what_a_function_leaves_behind_is_ended(server: ForkServer, how: str, tmp_path: Path) -> None:
    events: list[Event] = []
    given: dict[str, Any] = {"log": tmp_path / "log", "server": server}
    assert call("bad_module:leaves", how, on_event=events.append, **given) == how
    assert all(_gone(event["pid"]) for event in events)


def test_junk_on_the_channel(server: ForkServer, tmp_path: Path) -> None:
    with pytest.raises(JunkError, match="something that is not a message"):
        call("bad_module:junk", "hello\n", log=tmp_path / "log", server=server)


def test_several_run_at_once(server: ForkServer, tmp_path: Path) -> None:
    with (
        start("told:waits", log=tmp_path / "1", server=server) as one,
        start("a_module:work", "end", {}, log=tmp_path / "2", server=server) as other,
    ):
        pid = next(one.events())["pid"]
        assert other.result()["sum"] == 0.5
        assert one.process.poll() is None
        one.kill()
        assert one.process.wait() == -signal.SIGKILL
    assert _gone(pid)


def test_a_server_that_ends_takes_its_processes_with_it(server: ForkServer, tmp_path: Path) -> None:
    with start("told:waits", log=tmp_path / "log", server=server) as beside:
        pid = next(beside.events())["pid"]
        with pytest.raises(ServerLostError):
            call("told:ends_server", log=tmp_path / "other", server=server)
        with pytest.raises(ServerLostError):
            beside.result()
    assert _gone(pid)
    with pytest.raises(ServerLostError):
        call("a_module:work", "end", {}, log=tmp_path / "log", server=server)


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("how", [("told:ready", False), ("told:threaded",), ("told:nothing",), ("os:abort",)])
def test_what_can_not_be_forked_is_said(how: tuple[Any, ...]) -> None:
    with pytest.raises(ServerLostError):
        ForkServer(*how, variables={})


@pytest.mark.usefixtures("server")
def test_all_end_with_a_caller_that_is_killed(tmp_path: Path) -> None:
    caller = (
        "import json; from pathlib import Path; from lmcompare.processes import ForkServer, call\n"
        "server = ForkServer('told:ready', True, variables={})\n"
        "said = lambda event: print(json.dumps(event | {'server': server._process.pid}), flush=True)\n"
        f"call('told:waits', on_event=said, log=Path({str(tmp_path / 'log')!r}), server=server)"
    )
    with subprocess.Popen([sys.executable, "-c", caller], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        process.kill()
    assert _gone(told["pid"])
    assert _gone(told["server"])
