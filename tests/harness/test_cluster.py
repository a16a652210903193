"""Cells and their work on a cluster, without Ray: what travels, what comes back, and what a lost node costs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from lmcompare import cluster_work
from lmcompare.cluster_work import VARIABLE, shared, told
from lmcompare.errors import LmcompareError
from lmcompare.harness import cluster as clusters
from lmcompare.harness import on_node, on_ray
from lmcompare.harness.on_node import HELD, SCRATCH, Tree, scratch_folder
from lmcompare.run_mark import MARK
from lmcompare.runfolder.checkpoints import checkpoints_of
from tests.harness.small import small_experiment
from tests.harness.test_cells import job_of
from tests.serve.test_worker import in_a_loop

CPU, CUDA = ({"device": device, "threads": 2, "processes": 3} for device in ("cpu", "cuda"))


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere", "localhost:x", "http://127.0.0.1:1"])
def test_an_address_where_no_cluster_is_is_one_sentence(address: str) -> None:
    with pytest.raises(LmcompareError, match="Ray cluster"):
        clusters._see_that_it_answers(address)


def test_options_that_contradict_one_another_are_refused() -> None:
    for options, said in (({"address": "auto"}, "--engine ray"), ({"engine": "ray", "workers": 2}, "workers out")):
        with pytest.raises(LmcompareError, match=said):
            small_experiment({"plugin": "unigram"}, **options)


def test_a_node_divides_its_memory_among_the_cells_for_which_it_has_room() -> None:
    node = clusters.Node("a", "host", 7.0, 6.0, 1200.0)
    assert [node.cells(machine) for machine in (CPU, CUDA)] == [3, 2]  # of 2 CPUs each, and of 3 GPUs
    assert [node.share(machine) for machine in (CPU, CUDA)] == [133, 200]
    assert clusters.Node("a", "host", 1.0, 0.0, 1200.0).share(CPU) == 400


def test_what_a_cell_may_run_on_is_chosen_from_the_nodes() -> None:
    cluster = clusters.Cluster.__new__(clusters.Cluster)
    nodes = [clusters.Node("a", "a", 4.0, 0.0, 1.0), clusters.Node("b", "b", 20.0, 2.0, 1.0)]
    cluster._refused = {"c": "it has other versions"}
    cluster.nodes = lambda: nodes  # type: ignore[method-assign]

    def chosen(**options: Any) -> dict[str, Any]:
        return cluster.chosen(small_experiment({"plugin": "unigram"}, engine="ray", **options))

    assert chosen() == {"device": "cpu", "threads": 4, "processes": 1}
    assert chosen(device="auto") == {"device": "cuda", "threads": 8, "processes": 1}
    assert chosen(device="cuda", threads=20, processes=2) == {"device": "cuda", "threads": 20, "processes": 2}
    for options, said in (
        ({"threads": 21}, "21 CPUs"),
        ({"device": "cuda", "processes": 3}, "1 CPUs and 3 GPUs"),
        ({"device": "mps"}, "not 'mps'"),
    ):
        with pytest.raises(LmcompareError, match=said):
            chosen(**options)
    nodes.clear()
    with pytest.raises(LmcompareError, match="the first was refused because it has other versions"):
        chosen()


def test_the_scratch_folder_of_a_killed_task_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / f"{SCRATCH}left"
    left.mkdir()
    (left / HELD).touch()
    with scratch_folder() as first, scratch_folder() as second:
        assert {*tmp_path.iterdir()} == {first, second}
    assert not any(tmp_path.iterdir())


def test_a_folder_travels_as_code_and_as_a_file_of_a_model(tmp_path: Path) -> None:
    place = tmp_path / "both"
    place.mkdir()
    (place / "plugins.py").write_text("1")
    (place / "data.txt").write_text("a b")
    cells = on_ray.OnRay.__new__(on_ray.OnRay)
    cells._ray, cells._stored = Mock(put=lambda image: image), {}
    for _ in range(2):
        assert list(cells._put(place, on_ray._code)) == ["plugins.py"]
        assert list(cells._put(place, on_ray._named)) == ["both/data.txt", "both/plugins.py"]
    assert len(cells._stored) == 2


def test_a_tree_tells_what_changed_and_what_is_gone(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("1")
    tree = Tree(tmp_path)
    assert tree.changes() == {}
    for number, name in enumerate(("b", "a", "c.part")):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, ns=(0, number))
    (tmp_path / "old").unlink()
    assert list(tree.changes().items()) == [("old", None), ("b", b"b"), ("a", b"a")]
    assert tree.changes() == {}


def test_a_task_tells_what_the_cell_says_and_the_files_that_it_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of("unigram", tmp_path / "run")
    job.path.mkdir(parents=True)

    def work(given: object, seconds: float, emit: Callable[[dict[str, str]], None], limit: int | None) -> str:
        assert (given, seconds, limit) == (job, 5.0, 7)
        (job.path / "cell.json").write_text("{}")
        (job.path / "mine.txt").write_text("mine")
        emit({"event": "stage"})
        return "no luck"

    monkeypatch.setattr(on_node, "run_process", work)
    begun, *others = on_node._said(job, 5.0, 7)
    assert begun[0][0] == "begun"
    said = [message for messages in others for message in messages]
    assert ("cell", {"cell.json": b"{}"}) in said
    assert ("event", {"event": "stage"}) in said
    assert said[-1] == ("ended", "no luck")


def test_messages_are_kept_until_they_are_taken() -> None:
    async def exchanged() -> list[Any]:
        box = on_ray.Mailbox()
        await box.put("a", [("begun", "x")])
        await box.put("a", [("event", {})])
        return [await box.take("a", 0), await box.take("a", 0)]

    assert in_a_loop(exchanged()) == [[("begun", "x"), ("event", {})], []]


def test_files_of_a_node_are_written_to_their_cell_alone(tmp_path: Path) -> None:
    job = job_of("unigram", tmp_path / "run")
    job.path.mkdir(parents=True)
    (tmp_path / "run" / MARK).touch()
    on_ray._take_over(job, "cell", {"cell.json": b"{}", "model/values.json": b"1"})
    assert (job.path / "model/values.json").read_bytes() == b"1"
    on_ray._take_over(job, "cell", {"cell.json": None})
    assert not (job.path / "cell.json").exists()
    for tree, name in (("cell", "mine.txt"), ("checkpoints", "../x"), ("checkpoints", "/x")):
        checkpoints_of(tmp_path / "run").mkdir(exist_ok=True)
        with pytest.raises(LmcompareError, match="no cell has"):
            on_ray._take_over(job, tree, {name: b"1"})
    on_ray._take_over(job, "checkpoints", {"half.txt": b"half"})
    assert (job.checkpoints / "half.txt").read_bytes() == b"half"


def squares(number: int, log: list[int]) -> Iterator[int]:
    log.append(number)
    yield number
    yield number**2


class Nodes:
    """Does each part at once; that of ``lost`` does not come back."""

    def __init__(self, free: int, lost: int) -> None:
        self._free, self._lost = free, lost
        self.begun: list[int] = []

    def free(self, threads: int) -> int:
        return self._free // threads

    def begin(
        self, work: Callable[..., Iterable[int]], parts: Iterable[Sequence[Any]], threads: int
    ) -> list[tuple[Any, Sequence[Any]]]:
        found = [([part[0], part[0] ** 2], part) for part in parts]
        self.begun += [part[0] for _, part in found]
        return found

    def result(self, task: list[int], patience: float) -> list[int] | None:
        return None if task[0] == self._lost else task


@pytest.mark.parametrize(("free", "threads"), [(0, 1), (1, 1), (2, 1), (2, 2), (9, 1)])
def test_parts_come_in_their_order_whoever_does_them(
    free: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    here: list[int] = []
    nodes = Nodes(free, lost=3)

    @contextmanager
    def connected(cluster: dict[str, Any]) -> Iterator[Nodes]:
        assert cluster == {"address": "there", "nodes": ["a", "b"]}
        yield nodes

    monkeypatch.setenv(VARIABLE, told("there", ("a", "b")))
    monkeypatch.setattr(cluster_work, "_connected", connected)
    found = [list(each) for each in shared(squares, ((n, here) for n in range(8)), threads)]
    assert found == [[n, n**2] for n in range(8)]
    took = free // threads
    assert nodes.begun == [n for n in range(8) if n % (took + 1)]
    assert here == [n for n in range(8) if n not in nodes.begun or n == 3]


def test_all_is_done_here_without_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    here: list[int] = []
    first, *others = shared(squares, ((n, here) for n in (2, 3)))
    assert next(iter(first)) == 2
    assert [list(each) for each in others] == [[3, 9]]


def test_nothing_is_connected_for_a_single_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, told("nowhere", ("a",)))
    assert [list(each) for each in shared(squares, [(3, [])])] == [[3, 9]]
    assert list(shared(squares, [])) == []
