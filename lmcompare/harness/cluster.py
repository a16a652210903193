"""A Ray cluster: connecting to it, which of its nodes cells may run on, and cells as tasks on them.

The nodes see the run folder at the path that it has on this machine.
"""

from __future__ import annotations

import hashlib
import logging
import os
import queue
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from lmcompare.errors import TOO_LITTLE_MEMORY, LmcompareError, one_line, what_went_wrong
from lmcompare.harness import environment
from lmcompare.harness.cells.job import Job
from lmcompare.harness.environment import RunOptions
from lmcompare.harness.progress import Display, checked
from lmcompare.harness.runner import Runner, make_ready, run_process
from lmcompare.plugins import own_code
from lmcompare.processes import Emit, cluster_work, end_running
from lmcompare.runfolder.layout import MARK

CONNECTING = 10  # seconds within which a cluster must answer
TRIES = "1"  # tries to connect; one takes up to 45 seconds if the port is not that of a cluster
ASKING = 60.0  # seconds within which the nodes must send their versions
LOOK_AT_NODES = 1.0  # seconds between two listings of the nodes
QUIET = {"log_to_driver": False, "logging_level": logging.CRITICAL, "include_dashboard": False}


@dataclass(frozen=True)
class Node:
    """A machine of the cluster.

    Parameters
    ----------
    id, name : str
        Ray's id of it, and its host name.
    cpus, gpus : float
        How many it has.
    memory : float
        The bytes that it gives to tasks.
    """

    id: str
    name: str
    cpus: float
    gpus: float
    memory: float

    def cells(self, machine: dict[str, Any]) -> int:
        """Return how many cells it has room for at the same time."""
        gpus = gpus_of(machine)
        return int(min(self.cpus // machine["threads"], self.gpus // gpus if gpus else self.cpus))

    def share(self, machine: dict[str, Any]) -> int:
        """Return the bytes that each process of a cell may take, if the node is full of such cells."""
        return int(self.memory / max(1, self.cells(machine)) / machine["processes"])


def gpus_of(machine: dict[str, Any]) -> int:
    """Return how many GPUs a cell needs."""
    return int(machine["processes"]) if machine["device"] == "cuda" else 0


class Cluster:
    """The cluster that this process is connected to.

    Parameters
    ----------
    address : str or None
        As ``RunOptions.address``.
    show : Display
        Is told of nodes that are refused.
    """

    def __init__(self, address: str | None, show: Display) -> None:
        self.address, self._show = address, show
        self._started = _connect(address)
        self._own = _versions()
        self._asked: dict[str, Any] = {}  # by the node's id, the reference of its answer
        self._refused: dict[str, str] = {}  # by the node's id, the reason
        self._accepted: set[str] = set()
        self._nodes: list[Node] = []
        self._looked = 0.0
        self._lock = threading.RLock()  # several threads use it: each running cell has its own
        self.look(ASKING)

    def nodes(self) -> list[Node]:
        """Return the nodes that are there and have the versions of this machine."""
        with self._lock:
            if time.monotonic() - self._looked > LOOK_AT_NODES:
                self.look()
            return self._nodes

    def look(self, seconds: float = 0.0) -> None:
        """List the nodes, and ask new ones for their versions; wait ``seconds`` at most."""
        import ray

        there = {
            each["NodeID"]: Node(
                each["NodeID"],
                each["NodeManagerHostname"],
                each["Resources"].get("CPU", 0.0),
                each["Resources"].get("GPU", 0.0),
                each["Resources"].get("memory", 0.0),
            )
            for each in ray.nodes()
            if each["Alive"]
        }
        for node in there.values():
            if node.cpus and node.id not in {*self._asked, *self._accepted, *self._refused}:
                self._asked[node.id] = _ask(node)
        asked = {answer: id for id, answer in self._asked.items()}
        answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=seconds) if asked else ([], [])
        for answer in answered:
            del self._asked[asked[answer]]
            if asked[answer] in there:
                self._judge(there[asked[answer]], answer)
        self._nodes = [node for id, node in there.items() if id in self._accepted]
        self._looked = time.monotonic()

    def _judge(self, node: Node, answer: Any) -> None:
        """Accept a node, or refuse it and say why."""
        import ray

        try:
            theirs = ray.get(answer)
        except ray.exceptions.RayTaskError as error:
            why = f"lmcompare can't be imported there ({one_line(error.cause)[:100]})"
        except ray.exceptions.RayError:  # the node has left the cluster again
            return
        else:
            of = next((what for what, own in self._own.items() if theirs.get(what) != own), None)
            if of is None:
                self._accepted.add(node.id)
                return
            why = f"it has {of} {theirs.get(of)}, and this machine has {self._own[of]}"
        self._refused[node.id] = why
        self._show.say(f"The node {node.name} is not used: {why}. Install the same versions there.")

    def chosen(self, options: RunOptions) -> dict[str, Any]:
        """Return the "device", "threads" and "processes" of the cells, as ``environment.chosen`` does."""
        if options.device not in ("auto", "cpu", "cuda"):
            raise LmcompareError(f"Ray chooses the GPUs itself: give --device cuda or cpu, not '{options.device}'")
        nodes = self.nodes()
        if not nodes:
            whys = (f"the first was refused because {why}" for why in self._refused.values())
            raise LmcompareError(f"no node of the Ray cluster can be used: {next(whys, 'none of them has CPUs')}")
        cuda = options.device == "cuda" or (options.device == "auto" and any(node.gpus for node in nodes))
        gpus = options.processes if cuda else 0
        fit = [node for node in nodes if node.gpus >= gpus and node.cpus >= (options.threads or 1)]
        if not fit:
            needs = f"{options.threads or 1} CPUs" + (f" and {gpus} GPUs" if gpus else "")
            raise LmcompareError(f"no node of the Ray cluster has {needs}: choose fewer threads or processes")
        threads = options.threads or min(environment.FEEDING, *(int(node.cpus) for node in fit))
        if not cuda:
            environment.check_processes(options.processes, "cpu", threads)
        return {"device": "cuda" if cuda else "cpu", "threads": threads, "processes": options.processes}

    @staticmethod
    def is_there() -> bool:
        """Return whether this process is still connected."""
        import ray

        return bool(ray.is_initialized())

    def close(self) -> None:
        """End the connection, and Ray if it was started for it."""
        if self._started:
            import ray

            ray.shutdown()


def _versions() -> dict[str, str]:
    """Return what a node must have in common with this machine: versions, and the code of lmcompare."""
    return {**environment.versions(), "lmcompare's code": hashlib.sha256(own_code("")).hexdigest()[:8]}


def _ask(node: Node) -> Any:
    """Ask a node for its versions; return the reference of the answer."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def there() -> dict[str, str]:  # nested, so that Ray sends its code: the node may lack this module
        from lmcompare.harness.cluster import _versions

        return _versions()

    place = NodeAffinitySchedulingStrategy(node.id, soft=False)
    return ray.remote(there).options(num_cpus=0, max_retries=0, scheduling_strategy=place).remote()


def _connect(address: str | None) -> bool:
    """Connect this process to Ray unless it is connected; return whether it was not."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # otherwise Ray warns of a coming change
    try:
        import ray
    except ImportError:
        raise LmcompareError(
            "--engine ray needs the package ray: install it with \"pip install 'lmcompare[ray]'\""
        ) from None
    if ray.is_initialized():  # the program that calls lmcompare did it
        return False
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    ray._private.worker._worker_logs_enabled = False  # the messages of Ray's own processes
    if address not in (None, "auto"):
        _see_that_it_answers(str(address))
    try:
        if address is None:
            with patch("ray._private.ray_constants.ENABLE_RAY_CLUSTER", False):  # listens on this machine only
                ray.init("local", num_cpus=environment.usable_cores(), _node_ip_address="127.0.0.1", **QUIET)
        else:
            os.environ.setdefault("RAY_gcs_server_port_wait_time_s", TRIES)  # Ray reads the number of tries here
            ray.init(address, **{**QUIET, "include_dashboard": None})
    except (Exception, SystemExit) as error:
        where = "can't be started here" if address is None else f"can't be used at the address '{address}'"
        advice = "start a cluster with 'ray start --head'" + (", and give --address auto" if address is None else "")
        raise LmcompareError(f"Ray {where} ({one_line(error)[:300]}): {advice}") from error
    return True


def _see_that_it_answers(address: str) -> None:
    """Raise ``LmcompareError`` for a text that is not an address, and if no cluster answers there."""
    host, _, port = address.rpartition(":")
    if not (host and port.isdigit()) or "/" in host:
        raise LmcompareError(f"the address of a Ray cluster must be auto or HOST:PORT, not '{address}'")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECTING).close()
    except (OSError, OverflowError) as error:
        raise LmcompareError(
            f"no Ray cluster answers at {address} ({one_line(error)}): check the address, or start one there with"
            " 'ray start --head'"
        ) from None


_connected: Cluster | None = None


def connected(address: str | None, show: Display) -> Cluster:
    """Return the cluster at an address, to which this process stays connected until ``disconnect``."""
    global _connected
    if _connected is not None and (_connected.address != address or not _connected.is_there()):
        disconnect()
    if _connected is None:
        _connected = Cluster(address, show)
    return _connected


def disconnect() -> None:
    """End the connection, if there is one."""
    global _connected
    if _connected is not None:
        _connected.close()
    _connected = None


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
