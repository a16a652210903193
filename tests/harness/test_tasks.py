"""A cell as a task of Ray, with a stand-in for Ray: what is asked for, what is written, and what a loss costs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from lmcompare.cluster_work import VARIABLE
from lmcompare.errors import TOO_LITTLE_MEMORY, LmcompareError
from lmcompare.harness import cluster as clusters
from lmcompare.harness import on_node, on_ray
from lmcompare.harness.cluster import Cluster, Node
from lmcompare.harness.job import Job
from lmcompare.harness.on_ray import OnRay
from lmcompare.run_mark import MARK
from tests.harness.small import Watch
from tests.harness.test_cells import job_of

MACHINE = {"device": "cpu", "threads": 2, "processes": 1}
NODES = [Node("a", "first", 4.0, 0.0, 1000.0), Node("b", "second", 2.0, 0.0, 300.0)]


class RayError(Exception):
    """As Ray's: the node was lost."""


class RayTaskError(RayError):
    """As Ray's: the task has raised ``cause``."""

    cause = ValueError("no luck")


class OutOfMemoryError(RayError):
    """As Ray's."""


class Ray:
    """Stands for Ray: a task is what it returns or raises, and tells its messages first."""

    def __init__(self) -> None:
        errors = {"RayError": RayError, "RayTaskError": RayTaskError, "OutOfMemoryError": OutOfMemoryError}
        self.exceptions = SimpleNamespace(**errors)
        self.ends: list[object] = []
        self.messages: list[list[tuple[str, Any]]] = []
        self.asked: dict[str, Any] = {}
        self.given: tuple[Any, ...] = ()
        self.cancel = Mock()
        self.box = SimpleNamespace(
            take=SimpleNamespace(remote=lambda key, seconds: self.messages.pop(0) if self.messages else []),
            close=Mock(),
        )

    def options(self, **asked: Any) -> Any:
        self.asked = asked
        return SimpleNamespace(remote=self.begin)

    def begin(self, *given: Any) -> object:
        self.given = given
        return self.ends.pop(0)

    def wait(self, tasks: list[Any], timeout: float, num_returns: int = 1) -> tuple[list[Any], list[Any]]:
        return tasks, []

    def get(self, what: Any) -> Any:
        if isinstance(what, Exception):
            raise what
        return what

    def put(self, image: Any) -> Any:
        return image


@pytest.fixture
def ray() -> Ray:
    return Ray()


@pytest.fixture
def cells(ray: Ray) -> OnRay:
    made = OnRay.__new__(OnRay)
    made._ray, made._task, made._box, made._machine, made._show = ray, ray, ray.box, MACHINE, Watch()
    made._cluster = Mock(nodes=lambda: NODES)
    made._stored, made._running, made._cancelled, made._ended = {}, set(), set(), False
    return made


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setattr(on_ray, "_tokens", lambda path: {"train.npz": b"1"})
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / MARK).touch()
    (tmp_path / "plugins.py").write_text("1")
    (tmp_path / "a.dat").write_text("one")
    made = job_of(f"{tmp_path}/plugins.py:Flat", tmp_path / "run", files={"path": "digest"})
    made.hyperparameters["path"] = str(tmp_path / "a.dat")
    return made


def test_a_cell_travels_with_its_code_and_files_and_what_it_writes_comes_back(
    ray: Ray, cells: OnRay, job: Job, tmp_path: Path
) -> None:
    job.path.mkdir(parents=True)
    (job.path / "cell.json").write_text("before")
    stage = {"event": "stage", "stage": "scoring"}
    ray.ends, ray.messages = [None], [[("begun", "host"), ("event", stage)], [("cell", {"cell.json": b"after"})]]
    events: list[Any] = []
    assert cells.run(job, 9.0, events.append) is None
    assert [event["stage"] for event in events] == ["scoring"]
    assert (job.path / "cell.json").read_text() == "after"
    assert (ray.asked["num_cpus"], ray.asked["num_gpus"], ray.asked["memory"]) == (2, 0, 300)
    assert ray.asked["label_selector"] == {"ray.io/node-id": "in(a,b)"}
    table, moved, images, _, _, seconds, shares = ray.given
    assert (table["name"], seconds, shares) == ("model", 9.0, {"a": 500, "b": 300})
    there = {place: sorted(image) for place, image in images}
    (code,) = (place for place in there if place.startswith("code/"))
    (file,) = (place for place in there if place.startswith("files/"))
    assert moved == {job.plugin: f"{code}/plugins.py:Flat", f"{tmp_path}/a.dat": f"{file}/a.dat"}
    assert (there[code], there[file]) == (["plugins.py"], ["a.dat"])
    assert there["run/cells/model/0"] == ["cell.json"]
    assert f"run/tokens/{job.tokens_fingerprint}" in there
    assert (cells.workers, cells._running) == (3, set())
    ray.cancel.assert_not_called()


def test_a_lost_node_is_replaced_some_times_and_an_error_is_that_of_the_cell(
    ray: Ray, cells: OnRay, job: Job
) -> None:
    ray.ends = [RayError("gone"), OutOfMemoryError("too much"), "no luck"]
    assert cells.run(job, 9.0, lambda event: None) == "no luck"
    said = cells._show.said  # type: ignore[attr-defined]
    assert ["lost" in said[0], "memory" in said[1], len(said)] == [True, True, 2]
    ray.ends = [RayError("gone")] * (on_ray.MOST_LOST + 1)
    assert "5 times" in (cells.run(job, 9.0, lambda event: None) or "")
    assert len(ray.ends) == 1
    ray.ends = [RayTaskError("odd")]
    assert "ValueError: no luck" in (cells.run(job, 9.0, lambda event: None) or "")
    cells.end()
    ray.ends = [RayError("gone")] * 2
    assert cells.run(job, 9.0, lambda event: None)
    assert len(ray.ends) == 1, "after the end it does not go on"


def test_a_cell_waits_for_a_node_with_room_but_not_for_ever(cells: OnRay, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    cells._machine = {**MACHINE, "threads": 3}
    assert cells._fitting() == NODES[:1]
    assert not waited
    cells._machine = {**MACHINE, "threads": 5}
    with pytest.raises(LmcompareError, match="no node"):
        cells._fitting()
    assert waited == [on_ray.WAIT] * on_ray.WAITING


@pytest.fixture
def installed(ray: Ray, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ray]:
    context = SimpleNamespace(get_node_id=lambda: "a", gcs_address="there:1")
    ray.get_runtime_context = lambda: context  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.delenv(VARIABLE, raising=False)
    yield ray
    os.environ.pop(VARIABLE, None)


@pytest.mark.usefixtures("installed")
def test_the_task_of_a_cell_runs_in_a_folder_of_its_own(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    box = SimpleNamespace(put=SimpleNamespace(remote=lambda key, messages: sent.append((key, list(messages)))))
    moved = {job.plugin: "code/1/plugins.py:Flat"}

    def said(there: Job, seconds: float, limit: int | None) -> Iterator[list[tuple[str, Any]]]:
        scratch = Path(there.folder).parent
        assert (scratch / "code/1/plugins.py").read_bytes() == b"1"
        assert (there.plugin_here, seconds, limit) == (f"{scratch}/code/1/plugins.py:Flat", 9.0, 2 * 10**9)
        assert (Path(there.folder) / MARK).is_file()
        yield [("begun", "host")]
        yield [("event", {}), ("ended", f"MemoryError: {TOO_LITTLE_MEMORY}")]

    monkeypatch.setattr(on_node, "_said", said)
    images = [("code/1", {"plugins.py": b"1"})]
    error = on_node.run_there(vars(job), moved, images, box, "key", 9.0, {"a": 2 * 10**9})
    assert "may take 2 GB" in (error or "")
    assert sent == [("key", [("begun", "host")]), ("key", [("event", {})])]
    assert "there:1" in os.environ[VARIABLE]


def test_nodes_with_other_versions_are_refused(installed: Ray, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: dict[str, Any] = {
        "a": {"python": "3"},
        "b": {"python": "2"},
        "c": RayTaskError("odd"),
        "d": RayError("x"),
    }
    listed = [
        {
            "NodeID": id,
            "NodeManagerHostname": f"host-{id}",
            "Alive": id != "e",
            "Resources": {"CPU": 2.0, "memory": 9.0},
        }
        for id in "abcde"
    ]
    installed.nodes = lambda: listed  # type: ignore[attr-defined]
    asked: list[str] = []

    class Answer:
        def __init__(self, of: str) -> None:
            self.of = of

    def ask(node: Node) -> Answer:
        asked.append(node.id)
        return Answer(node.id)

    get = installed.get
    monkeypatch.setattr(installed, "get", lambda answer: get(answers[answer.of]))
    monkeypatch.setattr(clusters, "_ask", ask)
    monkeypatch.setattr(clusters, "_connect", lambda address: False)
    monkeypatch.setattr(clusters, "_versions", lambda: {"python": "3"})
    show = Watch()
    cluster = Cluster("auto", show)
    assert [(node.id, node.name, node.cpus, node.memory) for node in cluster.nodes()] == [("a", "host-a", 2.0, 9.0)]
    assert [why in said for why, said in zip(("python 2", "no luck"), show.said, strict=True)] == [True, True]
    cluster.look()
    assert asked == ["a", "b", "c", "d", "d"], "who has left is asked again"
