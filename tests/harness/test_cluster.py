"""The nodes of a cluster, and the parts of a cell's work that free nodes do, without Ray."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from lmcompare.errors import LmcompareError
from lmcompare.harness import cluster as clusters
from lmcompare.processes import cluster_work
from lmcompare.processes.cluster_work import VARIABLE, shared, told
from tests.harness.small import small_experiment

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
