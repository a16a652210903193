"""Parts of a model's work that free nodes of a cluster may do. The model's figures do not depend on the node."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, TypeVar

T = TypeVar("T")

VARIABLE = "LMCOMPARE_CLUSTER"
"""The environment variable that tells a cell's process the address of its cluster and the nodes it may use."""

MOST = 16  # parts on other nodes at the same time: their results wait in memory
PATIENCE = 60.0, 5.0  # wait for a part this many seconds, or times the time of a part; then do it here


def told(address: str, nodes: Iterable[str]) -> str:
    """Return the value of the variable, given Ray's address of a cluster and the ids of nodes."""
    return json.dumps({"address": address, "nodes": list(nodes)})


def shared(
    work: Callable[..., Iterable[T]], parts: Iterable[Sequence[Any]], threads: int = 1
) -> Iterator[Iterable[T]]:
    """Yield what ``work(*part)`` yields for each part, in their order.

    In a cell on a Ray cluster, nodes with free CPUs do some of the parts at the same time. A part that is not done
    there in time, or whose node is lost, is done here.

    Parameters
    ----------
    work : callable
        A function of a module.
    parts : iterable of sequence
        The arguments for each part.
    threads : int, default=1
        The CPUs that a part needs.
    """
    cluster, left = os.environ.get(VARIABLE), iter(parts)
    begun = [] if cluster is None else list(islice(left, 2))  # a part may be large: here one is held at a time
    left = chain(begun, left)
    if cluster is None or len(begun) < 2:  # to connect takes longer than a single part
        yield from (work(*part) for part in left)
        return
    with _connected(json.loads(cluster)) as elsewhere:
        while own := next(left, None):
            tasks = elsewhere.begin(work, islice(left, elsewhere.free(threads)), threads)
            began = time.monotonic()
            yield work(*own)
            patience = max(PATIENCE[0], PATIENCE[1] * (time.monotonic() - began))
            for task, part in tasks:
                found = elsewhere.result(task, patience)
                yield work(*part) if found is None else found


@contextmanager
def _connected(cluster: Mapping[str, Any]) -> Iterator[_Elsewhere]:
    """Connect this process to the cluster that its node belongs to."""
    import ray

    own = not ray.is_initialized()
    if own:
        ray.init(cluster["address"], log_to_driver=False, logging_level=logging.CRITICAL)
    try:
        yield _Elsewhere(ray, cluster["nodes"])
    finally:
        if own:
            ray.shutdown()


class _Elsewhere:
    """Nodes of a cluster, by their ids."""

    def __init__(self, ray: Any, nodes: Sequence[str]) -> None:
        self._ray, self._nodes = ray, nodes

    def free(self, threads: int) -> int:
        """Return how many parts the nodes have free CPUs for."""
        free = self._ray._private.state.available_resources_per_node()
        return min(MOST, sum(int(free.get(node, {}).get("CPU", 0.0) // threads) for node in self._nodes))

    def begin(
        self, work: Callable[..., Any], parts: Iterable[Sequence[Any]], threads: int
    ) -> list[tuple[Any, Sequence[Any]]]:
        """Start parts on the nodes; return the task and the arguments of each part."""
        task = self._ray.remote(_listed).options(
            num_cpus=threads, max_retries=0, label_selector={"ray.io/node-id": f"in({','.join(self._nodes)})"}
        )
        return [(task.remote(work, *part), part) for part in parts]

    def result(self, task: Any, patience: float) -> list[Any] | None:
        """Return the result of a task; None if it took too long, or its node was lost."""
        try:
            found: list[Any] = self._ray.get(task, timeout=patience)
        except self._ray.exceptions.RayError:
            self._ray.cancel(task, force=True)
            return None
        return found


def _listed(work: Callable[..., Iterable[T]], *part: Any) -> list[T]:
    return list(work(*part))
