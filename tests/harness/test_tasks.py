"""A cell as a task of Ray, with a stand-in for Ray: what is asked for, what is said, and what a loss costs."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import pytest

from lmcompare.errors import TOO_LITTLE_MEMORY, LmcompareError
from lmcompare.harness import cluster as clusters
from lmcompare.harness.cells.job import Job
from lmcompare.harness.cluster import Cluster, Node, OnRay
from lmcompare.processes import Emit
from lmcompare.processes.cluster_work import VARIABLE
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


class Task:
    """Says its messages; one that is an error is raised."""

    def __init__(self, messages: list[Any]) -> None:
        self._messages = messages
        self.completed = Mock()

    def __next__(self) -> Any:
        return self._messages.pop(0)


class Ray:
    """Stands for Ray: a task is what it says."""

    def __init__(self) -> None:
        errors = {"RayError": RayError, "RayTaskError": RayTaskError, "OutOfMemoryError": OutOfMemoryError}
        self.exceptions = SimpleNamespace(**errors)
        self.tasks: list[list[Any]] = []
        self.asked: dict[str, Any] = {}
        self.given: tuple[Any, ...] = ()
        self.cancel = Mock()

    def options(self, **asked: Any) -> Any:
        self.asked = asked
        return SimpleNamespace(remote=self.begin)

    def begin(self, *given: Any) -> Task:
        self.given = given
        return Task(self.tasks.pop(0))

    def wait(self, tasks: list[Any], timeout: float, num_returns: int = 1) -> tuple[list[Any], list[Any]]:
        return tasks, []

    def get(self, what: Any) -> Any:
        if isinstance(what, Exception):
            raise what
        return what


@pytest.fixture
def ray() -> Ray:
    return Ray()


@pytest.fixture
def cells(ray: Ray) -> OnRay:
    made = OnRay.__new__(OnRay)
    made._ray, made._task, made._machine, made._show = ray, ray, MACHINE, Watch()
    made._cluster = Mock(nodes=lambda: NODES)
    made._running, made._cancelled, made._ended = set(), set(), False
    return made


@pytest.fixture
def job(tmp_path: Path) -> Job:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / MARK).touch()
    return job_of("unigram", tmp_path / "run")


def test_a_cell_asks_for_a_node_with_room_and_its_files_are_waited_for(
    ray: Ray, cells: OnRay, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited, seen = list[float](), iter((False, False, True))
    monkeypatch.setattr(time, "sleep", waited.append)
    monkeypatch.setattr(Job, "is_finished", lambda job: next(seen))
    stage = {"event": "stage", "stage": "scoring"}
    ray.tasks = [[("begun", "host"), ("event", stage), ("ended", None)]]
    events: list[Any] = []
    assert cells.run(job, 9.0, events.append) is None
    assert [event["stage"] for event in events] == ["scoring"]
    assert waited == [clusters.LOOK] * 2
    assert (ray.asked["num_cpus"], ray.asked["num_gpus"], ray.asked["memory"]) == (2, 0, 300)
    assert ray.asked["label_selector"] == {"ray.io/node-id": "in(a,b)"}
    table, seconds, shares = ray.given
    assert (Job(**table), seconds, shares) == (job, 9.0, {"a": 500, "b": 300})
    assert (cells.workers, cells._running) == (3, set())
    ray.cancel.assert_not_called()


def test_a_lost_node_is_replaced_some_times_and_an_error_is_that_of_the_cell(
    ray: Ray, cells: OnRay, job: Job
) -> None:
    ray.tasks = [[RayError("gone")], [("begun", "x"), OutOfMemoryError("too much")], [("ended", "no luck")]]
    assert cells.run(job, 9.0, lambda event: None) == "no luck"
    said = cells._show.said  # type: ignore[attr-defined]
    assert ["lost" in said[0], "memory of its node x" in said[1], len(said)] == [True, True, 2]
    ray.tasks = [[RayError("gone")] for _ in range(clusters.MOST_LOST + 1)]
    assert "5 times" in (cells.run(job, 9.0, lambda event: None) or "")
    assert len(ray.tasks) == 1
    ray.tasks = [[RayTaskError("odd")]]
    assert "ValueError: no luck" in (cells.run(job, 9.0, lambda event: None) or "")
    ray.cancel.assert_not_called()
    cells.end()
    ray.tasks = [[RayError("gone")]] * 2
    assert cells.run(job, 9.0, lambda event: None)
    assert len(ray.tasks) == 1, "after the end it does not go on"


def test_a_task_is_cancelled_if_what_it_says_can_not_be_shown(ray: Ray, cells: OnRay, job: Job) -> None:
    ray.tasks = [[("event", {"event": "odd"})]]
    with pytest.raises(LmcompareError, match="progress that can't be read"):
        cells.run(job, 9.0, lambda event: None)
    ray.cancel.assert_called_once()


def test_a_cell_waits_for_a_node_with_room_but_not_for_ever(cells: OnRay, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    cells._machine = {**MACHINE, "threads": 3}
    assert cells._fitting() == NODES[:1]
    assert not waited
    cells._machine = {**MACHINE, "threads": 5}
    with pytest.raises(LmcompareError, match="no node"):
        cells._fitting()
    assert waited == [clusters.WAIT] * clusters.WAITING


@pytest.fixture
def installed(ray: Ray, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ray]:
    context = SimpleNamespace(get_node_id=lambda: "a", gcs_address="there:1")
    ray.get_runtime_context = lambda: context  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.delenv(VARIABLE, raising=False)
    yield ray
    os.environ.pop(VARIABLE, None)


@pytest.mark.usefixtures("installed")
def test_a_task_says_what_its_cell_says_and_how_it_ended(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(given: Job, seconds: float, emit: Emit, limit: int | None) -> str:
        assert (given, seconds, limit) == (job, 9.0, 2 * 10**9)
        emit({"event": "stage"})
        return f"MemoryError: {TOO_LITTLE_MEMORY}"

    monkeypatch.setattr(clusters, "run_process", work)
    begun, event, ended = clusters.run_there(asdict(job), 9.0, {"a": 2 * 10**9})
    assert (begun[0], event, ended[0]) == ("begun", ("event", {"event": "stage"}), "ended")
    assert "may take 2 GB" in ended[1]
    assert "there:1" in os.environ[VARIABLE]


@pytest.mark.usefixtures("installed")
def test_a_node_that_does_not_see_the_run_folder_says_so(job: Job) -> None:
    elsewhere = replace(job, folder=f"{job.folder}-of-another-disk")
    *_, ended = clusters.run_there(asdict(elsewhere), 9.0, {})
    assert "a disk that all nodes share" in ended[1]


@pytest.mark.usefixtures("installed")
def test_a_cancelled_task_ends_its_process(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    def work(given: Job, seconds: float, emit: Emit, limit: int | None) -> str | None:
        emit({"event": "stage"})
        assert ended.wait(60)
        return None

    monkeypatch.setattr(clusters, "run_process", work)
    monkeypatch.setattr(clusters, "end_running", ended.set)
    said = clusters.run_there(asdict(job), 9.0, {})
    assert [next(said)[0], next(said)[0]] == ["begun", "event"]
    with pytest.raises(KeyboardInterrupt):
        cast("Generator[Any]", said).throw(KeyboardInterrupt)
    assert ended.is_set()


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
