"""Parts of work that nodes of a cluster share: in their order, and done here where a node is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from lmcompare import cluster_work
from lmcompare.cluster_work import VARIABLE, shared, told


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
