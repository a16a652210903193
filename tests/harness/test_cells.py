"""The process of a cell: it may die, exit or wait too long, and nothing of its surroundings is charged to it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lmcompare.analysis import load_run
from lmcompare.errors import LmcompareError
from lmcompare.harness import environment, runner
from lmcompare.harness.cells.job import Job
from lmcompare.harness.progress import Display
from lmcompare.harness.run import run
from lmcompare.harness.runner import ForkServers, Here, loaded, run_process
from lmcompare.processes import EndedError, RaisedError, ServerLostError, TimeLimitError
from tests.harness.small import FLAT, Watch, small_experiment


def job_of(plugin: str, folder: Path = Path("run"), **more: Any) -> Job:
    machine = {"device": "cpu", "threads": 3, "processes": 1}
    return Job(str(folder), "model", plugin, 0, "", "word", "", {}, machine, **more)


@pytest.mark.slow
def test_a_plug_in_that_fails_fails_alone(place: Path) -> None:
    class Edits(Watch):
        def event(self, cell: int, event: Mapping[str, Any]) -> None:
            super().event(cell, event)
            if event.get("stage") == "starting":
                for name in ("other.py", "a.dat"):
                    (place / name).write_text((place / name).read_text() + "# edited\n")

    (place / "other.py").write_text((place / "plugins.py").read_text())
    (place / "a.dat").write_text("one")
    raises, dies = ({"plugin": f"plugins.py:{name}"} for name in ("Raises", "Dies"))
    edited = [
        {"plugin": "other.py:Flat", "name": "code"},
        {"plugin": "plugins.py:ReadsFile", "name": "file", "path": "a.dat"},
    ]
    failures = run(small_experiment(FLAT, raises, dies, *edited), place / "out", base=place, show=Edits()).failures
    assert failures.keys() == {"Raises/0", "Dies/0", "code/0", "file/0"}
    assert failures["Raises/0"].startswith("RuntimeError: out of luck (plugins.py, line ")
    assert "signal 9" in failures["Dies/0"]
    for name in ("code/0", "file/0"):
        assert "was changed while the run was going on" in failures[name]
    cells = place / "out/cells"
    assert "Traceback" in (cells / "Raises/0/log.txt").read_text()
    assert not (cells / "flat/0/log.txt").exists()
    assert [model.name for model in load_run(place / "out").scored] == ["flat"]
    before = json.loads((cells / "flat/0/cost.json").read_text())["peak_memory_bytes"]
    assert 2**20 < before < 2**30


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (TimeLimitError("it was late"), "it was late; raise the limit with --time-limit"),
        (EndedError(3), f"{EndedError(3)}; its log.txt says more"),
        (EndedError(-9), str(EndedError(-9))),
        (RaisedError("no luck", True), "no luck"),
        (SystemExit(4), "SystemExit: 4"),
    ],
)
def test_how_a_process_ends_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: BaseException, said: str
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(runner, "call", fails)
    monkeypatch.setattr(environment, "idle_cores", lambda: 0.0)
    assert (run_process(job_of("unigram", tmp_path), 5.0, lambda event: None) or "").startswith(said)


def test_what_the_process_of_a_cell_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[Any, dict[str, Any]]] = []
    monkeypatch.setattr(environment, "idle_cores", lambda: 0.0)

    def call(function: str, table: dict[str, Any], **how: Any) -> None:
        given.append(((function, table["name"]), how))
        how["on_event"]({"event": "stage", "stage": "scoring"})
        if how["server"] is not None:
            raise ServerLostError

    monkeypatch.setattr(runner, "call", call)
    job, events, server = job_of("unigram", tmp_path), list[Any](), object()
    assert run_process(job, 5.0, events.append, 10**9, server) is None  # type: ignore[arg-type]
    assert [event["stage"] for event in events] == ["scoring", "scoring"]
    (what, lost), (again, afresh) = given
    assert what == again == ("lmcompare.harness.cells.cell:run_job", "model")
    assert (lost["server"], lost["variables"]) == (server, None)
    assert (afresh["server"], afresh["variables"]["OMP_NUM_THREADS"]) == (None, "3")
    for how in (lost, afresh):  # started afresh, since the server is lost
        assert (how["seconds"], how["memory"], how["log"]) == (5.0, 10**9, job.path / "log.txt")
    with pytest.raises(LmcompareError, match="progress"):
        given[0][1]["on_event"]({"event": "junk"})


@pytest.mark.skipif(sys.platform != "linux", reason="servers fork on Linux alone")
def test_many_cells_of_a_plug_in_of_lmcompare_are_forked_from_a_server(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Server:
        def __init__(self, *asked: Any, variables: dict[str, str]) -> None:
            self.asked, self.threads, self.closed = asked, variables["OMP_NUM_THREADS"], False
            made.append(self)
            if asked[1] == "rnn":
                raise ServerLostError

        def close(self) -> None:
            self.closed = True

    made: list[Server] = []
    monkeypatch.setattr(runner, "ForkServer", Server)
    monkeypatch.setattr(runner, "FIRST", 1)
    monkeypatch.setattr(environment, "idle_cores", lambda: 0.0)
    servers = ForkServers()
    for plugin in (f"{place}/plugins.py:Flat", "rnn"):
        assert [servers.of(job_of(plugin)) for _ in range(3)] == [None] * 3
    assert servers.of(job_of("unigram")) is None
    found: list[object] = [servers.of(job_of("unigram")) for _ in range(2)]
    assert found == 2 * made[-1:]
    assert [server.asked for server in made] == [
        ("lmcompare.harness.runner:loaded", plugin, {}) for plugin in ("rnn", "unigram")
    ]
    assert made[-1].threads == "3"
    servers.close()
    assert [server.closed for server in made] == [False, True]
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert loaded("unigram", {})
    monkeypatch.setitem(sys.modules, "torch", sys)
    assert not loaded("unigram", {}), "PyTorch has threads of its own"


def test_the_server_of_a_cell_goes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ForkServers, "of", lambda self, job: job.name)
    monkeypatch.setattr(runner, "run_process", lambda *given, server: f"{given[1]} {server}")
    here = Here(2, Display())
    assert (here.workers, here.run(job_of("unigram"), 5.0, lambda event: None)) == (2, "5.0 model")
