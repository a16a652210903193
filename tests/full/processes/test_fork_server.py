"""What forked processes have started ends with them, and all end with a caller that is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lmcompare.processes import Event, ForkServer, ServerLostError, TimeLimitError, call, start
from tests.test_processes import gone

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="servers fork on Linux alone")


def test_the_time_limit_ends_what_the_process_has_started(server: ForkServer, tmp_path: Path) -> None:
    events: list[Event] = []
    with pytest.raises(TimeLimitError):
        call("bad_module:waits", on_event=events.append, seconds=2.0, log=tmp_path / "log", server=server)
    assert gone(events[0]["pid"])


@pytest.mark.parametrize("how", ["child", "fork", "thread", "atexit"])
def test_what_a_function_leaves_behind_is_ended(server: ForkServer, how: str, tmp_path: Path) -> None:
    events: list[Event] = []
    given: dict[str, Any] = {"log": tmp_path / "log", "server": server}
    assert call("bad_module:leaves", how, on_event=events.append, **given) == how
    assert all(gone(event["pid"]) for event in events)


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
    assert gone(pid)


@pytest.mark.usefixtures("modules")
def test_a_server_that_is_aborted_while_it_imports_is_said() -> None:
    with pytest.raises(ServerLostError):
        ForkServer("os:abort", variables={})


@pytest.mark.usefixtures("modules")
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
    assert gone(told["pid"])
    assert gone(told["server"])
