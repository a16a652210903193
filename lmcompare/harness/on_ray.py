"""Runs cells as tasks of Ray. This process writes all files of the run folder: no disk is shared with the nodes."""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from lmcompare import plugins
from lmcompare.errors import LmcompareError, expanded, ordinary, what_went_wrong
from lmcompare.harness import on_node
from lmcompare.harness.cluster import Cluster, gpus_of
from lmcompare.harness.job import Job
from lmcompare.harness.progress import Display, checked
from lmcompare.harness.runner import make_ready
from lmcompare.processes import Emit
from lmcompare.runfolder import checkpoints
from lmcompare.runfolder.files import write_bytes
from lmcompare.runfolder.layout import SEAL, TOKENS, TOKENS_FILES
from lmcompare.runfolder.ownership import OF_CELL, see_that_it_is_there

MOST_LOST = 5  # nodes that may be lost under one cell
WAITING = 300  # checks for a node that could run a cell, when there is none
WAIT = 1.0  # seconds between two of these checks
LOOK = 0.5  # seconds between two checks whether a task has ended
ENDING = 10.0  # seconds within which a cancelled task must end its process
PAUSE = 0.05  # seconds between two checks for messages

Image = Mapping[str, Any]  # files by their paths in a folder: bytes, or arrays of bytes


class LostError(Exception):
    """The node of a cell was lost, or its task could not be begun there."""


class Mailbox:
    """An actor on the machine of the run that keeps the messages of tasks until they are taken."""

    def __init__(self) -> None:
        self._boxes: dict[str, list[on_node.Message]] = defaultdict(list)

    async def put(self, key: str, messages: list[on_node.Message]) -> None:
        """Keep messages of a task."""
        self._boxes[key] += messages

    async def take(self, key: str, seconds: float) -> list[on_node.Message]:
        """Return the messages of a task that have come; wait at most ``seconds`` for the first."""
        until = time.monotonic() + seconds
        while not self._boxes[key] and time.monotonic() < until:
            await asyncio.sleep(PAUSE)
        return self._boxes.pop(key)

    async def close(self, key: str) -> None:
        """Forget a task."""
        self._boxes.pop(key, None)


class OnRay:
    """Runs cells on the nodes of a cluster.

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
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self._ray, self._cluster, self._machine, self._show = ray, cluster, machine, show
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._box = ray.remote(Mailbox).options(num_cpus=0, scheduling_strategy=here).remote()
        self._task = ray.remote(on_node.run_there)
        self._stored: dict[tuple[Path, Callable[[Path], Image]], Any] = {}  # references into the object store
        self._running: set[Any] = set()
        self._cancelled: set[Any] = set()
        self._ended = False

    @property
    def workers(self) -> int:
        """How many cells the nodes have room for."""
        return max(1, sum(node.cells(self._machine) for node in self._cluster.nodes()))

    def memory(self, jobs: Sequence[Job]) -> tuple[float, Callable[[Job], float]]:
        """Return no limit of memory: each node divides its memory among the cells for which it has CPUs."""
        return math.inf, lambda job: 0.0

    def end(self) -> None:
        """Cancel all tasks."""
        self._ended = True
        for task in list(self._running):
            self._cancel(task)

    def close(self) -> None:
        """Do nothing: later runs of this process use the cluster, too."""

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
        ray, nodes, key = self._ray, self._fitting(), uuid.uuid4().hex
        moved, images = self._luggage(job)
        shares = {node.id: node.share(self._machine) for node in nodes}
        task = self._task.options(
            num_cpus=self._machine["threads"],
            num_gpus=gpus_of(self._machine),
            memory=min(shares.values()) * self._machine["processes"],
            max_retries=0,
            label_selector={"ray.io/node-id": f"in({','.join(shares)})"},
        ).remote(asdict(job), moved, images, self._box, key, seconds, shares)
        self._running.add(task)
        node, done = "", False
        try:
            while not done:
                done = bool(ray.wait([task], timeout=0)[0])
                while messages := ray.get(self._box.take.remote(key, 0 if done else LOOK)):
                    for kind, value in messages:
                        if kind == "begun":
                            node = value
                        elif kind == "event":
                            emit(checked(value))
                        else:
                            _take_over(job, kind, value)
                if not node and not any(each.id in shares for each in self._cluster.nodes()):
                    raise LostError("all nodes that could run it were lost")
            return ray.get(task)  # type: ignore[no-any-return]
        except ray.exceptions.RayTaskError as error:
            return f"its task could not be run on the node {node} ({what_went_wrong(error.cause)})"
        except ray.exceptions.OutOfMemoryError:
            raise LostError(f"the memory of its node {node} was exhausted, and Ray ended it") from None
        except ray.exceptions.RayError as error:
            raise LostError(f"its node {node or '(none yet)'} was lost ({type(error).__name__})") from None
        finally:
            self._running.discard(task)
            if not done:
                self._cancel(task)
                ray.wait([task], timeout=ENDING)
            self._box.close.remote(key)

    def _fitting(self) -> list[Any]:
        """Wait for nodes that can run a cell. Raises ``LmcompareError`` if none comes."""
        for _ in range(WAITING):
            if fitting := [node for node in self._cluster.nodes() if node.cells(self._machine)]:
                return fitting
            time.sleep(WAIT)
        raise LmcompareError(
            "no node that could run it is left in the Ray cluster: add a node, and run the same command again"
        )

    def _luggage(self, job: Job) -> tuple[dict[str, str], list[tuple[str, Any]]]:
        """Return what travels with a job: where plug-ins and files are there, and the images of folders."""
        moved: dict[str, str] = {}
        run = Path(job.folder)
        room = checkpoints.own_room(job.checkpoints)
        images = [(f"{on_node.RUN}/{TOKENS}/{job.tokens_fingerprint}", self._put(job.tokens_path, _tokens))]
        own = {f"{on_node.RUN}/{job.path.relative_to(run).as_posix()}": _image(job.path, OF_CELL)}
        if room is not None:
            there = checkpoints.checkpoints_of(Path(on_node.RUN)).name
            own[f"{there}/{room.relative_to(room.parents[2]).as_posix()}"] = _image(room)
        images += [(place, self._ray.put(image)) for place, image in own.items() if image]
        for spec in (job.plugin, job.tokenizer, *plugins.named_in(job.hyperparameters)):
            home, _, name = spec.rpartition(":")
            if home.endswith(".py"):
                place = f"code/{len(images)}"
                images.append((place, self._put(expanded(home).resolve().parent, _code)))
                moved[spec] = f"{place}/{Path(home).name}:{name}"
        for key in job.files:
            value = job.hyperparameters[key]
            if isinstance(value, str) and value and expanded(value).exists():  # otherwise it is a name, not a path
                path = expanded(value).resolve()
                place = f"files/{len(images)}"
                images.append((place, self._put(path, _named)))
                moved[value] = f"{place}/{path.name}"
        return moved, images

    def _put(self, path: Path, image: Callable[[Path], Image]) -> Any:
        """Put an image of a folder or file into the object store, once."""
        if (path, image) not in self._stored:
            self._stored[path, image] = self._ray.put(image(path))
        return self._stored[path, image]


def _bytes_of(path: Path) -> np.ndarray[Any, Any]:
    """Return the content of a file, which goes into the object store without a copy in memory."""
    return np.memmap(path, np.uint8, "r") if path.stat().st_size else np.zeros(0, np.uint8)


def _tokens(path: Path) -> Image:
    return {name: _bytes_of(path / name) for name in (*TOKENS_FILES, SEAL)}


def _code(folder: Path) -> Image:
    """Return the Python files of a folder, which a plug-in may import."""
    return {path.name: path.read_bytes() for path in folder.glob("*.py") if path.is_file()}


def _named(path: Path) -> Image:
    """Return a file that a hyper-parameter names, or the files of such a folder."""
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [ordinary(path)]
    return {file.relative_to(path.parent).as_posix(): _bytes_of(file) for file in files}


def _image(folder: Path, names: frozenset[str] | None = None) -> Image:
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {
        name: path.read_bytes()
        for name, path in files.items()
        if (names is None or name in names) and not path.is_symlink()
    }


def _take_over(job: Job, tree: str, files: on_node.Files) -> None:
    """Write the files that a cell has changed on its node. Raises ``LmcompareError`` where that is impossible."""
    see_that_it_is_there(Path(job.folder))
    root, top = job.path, Path(job.folder)
    if tree == "checkpoints":
        root, top = job.checkpoints, job.checkpoints.parents[2]
        if not top.is_dir():  # the run has no folder for checkpoints
            return
    for name, content in files.items():
        parts = PurePosixPath(name).parts
        if (tree == "cell" and name not in OF_CELL) or name.startswith("/") or ".." in parts:
            raise LmcompareError(f"its node sent a file that no cell has ({name[:80]}): run the same command again")
        path = root / name
        if content is None:
            path.unlink(missing_ok=True)
        else:
            write_bytes(path, content)
