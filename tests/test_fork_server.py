"""Processes that are forked from a server: the same promises as those of processes that are started afresh."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lmcompare.processes import EndedError, Event, ForkServer, RaisedError, ServerLostError, call, start
from tests.test_processes import BAD, MODULE, gone

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="servers fork on Linux alone")]

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


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The modules of the tests can be imported by the processes that are started."""
    place = tmp_path_factory.mktemp("modules")
    for name, code in {"a_module": MODULE, "bad_module": BAD, "told": TOLD}.items():
        (place / f"{name}.py").write_text(code)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{place}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
        patch.setattr("lmcompare.processes.calls.GRACE", 1)
        yield


@pytest.fixture(scope="module")
def server(modules: None) -> Iterator[ForkServer]:
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


def test_a_process_that_ends_is_an_error_and_the_others_go_on(server: ForkServer, tmp_path: Path) -> None:
    for how, code in (("exit", 3), ("9", -9), ("2", -2)):
        with pytest.raises(EndedError) as caught:
            call("a_module:work", how, {}, log=tmp_path / "log", server=server)
        assert caught.value.code == code
    assert call("a_module:work", "end", {}, log=tmp_path / "log", server=server)


@pytest.mark.usefixtures("modules")
def test_a_server_that_ends_takes_its_processes_with_it(tmp_path: Path) -> None:
    server = ForkServer("told:ready", True, variables={})
    with start("told:waits", log=tmp_path / "log", server=server) as beside:
        pid = next(beside.events())["pid"]
        with pytest.raises(ServerLostError):
            call("told:ends_server", log=tmp_path / "other", server=server)
        with pytest.raises(ServerLostError):
            beside.result()
    assert gone(pid)
    with pytest.raises(ServerLostError):
        call("a_module:work", "end", {}, log=tmp_path / "log", server=server)
    server.close()


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize("how", [("told:ready", False), ("told:threaded",), ("told:nothing",)])
def test_what_can_not_be_forked_is_said(how: tuple[Any, ...]) -> None:
    with pytest.raises(ServerLostError):
        ForkServer(*how, variables={})
