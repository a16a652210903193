"""Runs cells as tasks of Ray, on nodes that see the run folder at the path that it has on this machine."""

from __future__ import annotations

import os
import queue
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lmcompare import cluster_work
from lmcompare.errors import TOO_LITTLE_MEMORY, LmcompareError, what_went_wrong
from lmcompare.harness.cluster import Cluster, Node, gpus_of
from lmcompare.harness.job import Job
from lmcompare.harness.progress import Display, checked
from lmcompare.harness.runner import Runner, make_ready, run_process
from lmcompare.processes import Emit, end_running
from lmcompare.runfolder.layout import MARK

MOST_LOST = 5  # nodes that may be lost under one cell
WAITING = 300  # checks for a node that could run a cell, when there is none
WAIT = 1.0  # seconds between two of these checks
LOOK = 0.5  # seconds between two checks for what a cell says, and whether the nodes are there
ENDING = 10.0  # seconds within which a cancelled task must end its process
ARRIVING = 60.0  # seconds within which the files of a node must be seen here: a shared disk may have a cache

Said = tuple[
    str, Any
]  # "begun" and the node's name, "event" and an event, or "ended" and why the cell failed, or None


class LostError(Exception):
    """The node of a cell was lost, or its task could not be begun there."""


def run_there(table: Mapping[str, Any], seconds: float, memory: Mapping[str, int]) -> Iterator[Said]:
    """Run the cell of a job's table on a node; yield what it says as it comes.

    Parameters
    ----------
    table : mapping
        The job's.
    seconds : float
        The time limit.
    memory : mapping
        By the id of a node, the bytes that a process of the cell may take there.
    """
    import ray

    host, context = socket.gethostname(), ray.get_runtime_context()
    limit = memory.get(context.get_node_id())
    os.environ[cluster_work.VARIABLE] = cluster_work.told(context.gcs_address, memory)
    yield "begun", host
    job = Job(**table)
    if not (Path(job.folder) / MARK).is_file():
        yield (
            "ended",
            f"there is no run folder {job.folder} on {host}: give as --out a folder on a disk that all nodes share",
        )
        return
    said: queue.SimpleQueue[Said] = queue.SimpleQueue()

    def work() -> None:
        error = run_process(job, seconds, lambda event: said.put(("event", event)), limit)
        if error is not None and limit is not None and TOO_LITTLE_MEMORY in error:
            error += f" (on {host} each of its processes may take {limit / 1e9:.2g} GB)"
        said.put(("ended", error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        message: Said = "", None
        while message[0] != "ended":
            with suppress(queue.Empty):
                message = said.get(timeout=LOOK)  # Ray interrupts a task only between two instructions of Python
                yield message
    finally:
        while thread.is_alive():  # the task was cancelled; its process may be about to start
            end_running()
            thread.join(LOOK)


class OnRay(Runner):
    """Runs cells on the nodes of a cluster, each of which divides its memory among the cells for which it has CPUs.

    Parameters
    ----------
    cluster : Cluster
        The cluster.
    machine : dict
        The device, threads and processes of the cells.
    show : Display
        Is told when a node is lost.
    """

    def __init__(self, cluster: Cluster, machine: dict[str, Any], show: Display) -> None:
        import ray

        self._ray, self._cluster, self._machine, self._show = ray, cluster, machine, show
        self._task = ray.remote(run_there)
        self._running: set[Any] = set()
        self._cancelled: set[Any] = set()
        self._ended = False

    @property
    def workers(self) -> int:
        return max(1, sum(node.cells(self._machine) for node in self._cluster.nodes()))

    def end(self) -> None:
        self._ended = True
        for task in list(self._running):
            self._cancel(task)

    def _cancel(self, task: Any) -> None:
        """Cancel a task, but only once: a second interruption would disturb the end of its process."""
        if task not in self._cancelled:
            self._cancelled.add(task)
            self._ray.cancel(task)

    def run(self, job: Job, seconds: float, emit: Emit) -> str | None:
        """Run a cell; if its node is lost, go on from its last checkpoint on another."""
        why = ""
        make_ready(job)
        for _ in range(MOST_LOST):
            try:
                return self._attempt(job, seconds, emit)
            except LostError as lost:
                why = str(lost)
            if self._ended:
                break
            self._show.say(f"{job.name}: {why}; it goes on from its last checkpoint.")
        return f"it was started {MOST_LOST} times, and the last time {why}: look for the reason in Ray's logs"

    def _attempt(self, job: Job, seconds: float, emit: Emit) -> str | None:
        """Run a cell on a node. Raises ``LostError`` if the node is lost."""
        ray = self._ray
        shares = {node.id: node.share(self._machine) for node in self._fitting()}
        task = self._task.options(
            num_cpus=self._machine["threads"],
            num_gpus=gpus_of(self._machine),
            memory=min(shares.values()) * self._machine["processes"],
            max_retries=0,
            num_returns="streaming",
            label_selector={"ray.io/node-id": f"in({','.join(shares)})"},
        ).remote(asdict(job), seconds, shares)
        self._running.add(task)
        node, kind = "", ""
        try:
            while True:
                if not ray.wait([task], timeout=LOOK)[0]:
                    if not node and not any(each.id in shares for each in self._cluster.nodes()):
                        raise LostError("all nodes that could run it were lost")
                    continue
                kind, value = ray.get(next(task))
                if kind == "begun":
                    node = value
                elif kind == "event":
                    emit(checked(value))
                else:
                    if value is None:
                        _see_that_it_arrived(job)
                    return value  # type: ignore[no-any-return]
        except ray.exceptions.RayTaskError as error:
            kind = "ended"
            return f"its task could not be run on the node {node} ({what_went_wrong(error.cause)})"
        except ray.exceptions.OutOfMemoryError:
            kind = "ended"
            raise LostError(f"the memory of its node {node} was exhausted, and Ray ended it") from None
        except ray.exceptions.RayError as error:
            kind = "ended"
            raise LostError(f"its node {node or '(none yet)'} was lost ({type(error).__name__})") from None
        finally:
            self._running.discard(task)
            if kind != "ended":
                self._cancel(task)
                ray.wait([task.completed()], timeout=ENDING)

    def _fitting(self) -> list[Node]:
        """Wait for nodes that can run a cell. Raises ``LmcompareError`` if none comes."""
        for _ in range(WAITING):
            if fitting := [node for node in self._cluster.nodes() if node.cells(self._machine)]:
                return fitting
            time.sleep(WAIT)
        raise LmcompareError(
            "no node that could run it is left in the Ray cluster: add a node, and run the same command again"
        )


def _see_that_it_arrived(job: Job) -> None:
    """Wait until a finished cell's files are seen on this machine; whether they are all there is checked later."""
    until = time.monotonic() + ARRIVING
    while not job.is_finished() and time.monotonic() < until:
        time.sleep(LOOK)
