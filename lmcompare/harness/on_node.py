"""A cell's task on a node of a Ray cluster: the cell's process runs in a scratch folder, whose files are sent home.

The folder is made from files that came with the task: no disk is shared with the machine of the run.
"""

from __future__ import annotations

import os
import queue
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from lmcompare import cluster_work
from lmcompare.errors import OWN_TEMPORARY, TOO_LITTLE_MEMORY
from lmcompare.harness.job import Job
from lmcompare.harness.runner import run_process
from lmcompare.processes import end_running
from lmcompare.runfolder.checkpoints import checkpoints_of
from lmcompare.runfolder.layout import MARK
from lmcompare.runfolder.ownership import OF_CELL

SCRATCH = f"{OWN_TEMPORARY}cell-"  # prefix of the names of scratch folders
HELD = ".held"  # a file in a scratch folder, which is locked as long as its task runs
RUN = "run"  # the run folder in the scratch folder
LOOK = 0.2  # seconds between two checks for new files
MOST_SHARE = 0.1  # the share of the time that sending files may take
TRIES = 5  # attempts to read files while none of them changes

Files = dict[str, bytes | None]  # by path, in the order in which they were written; None for a file that is gone
Message = tuple[str, Any]  # "begun" and the node's name, "event" and an event, or the name of a tree and its Files


def run_there(
    table: Mapping[str, Any],
    moved: Mapping[str, str],
    images: Sequence[tuple[str, Any]],
    box: Any,
    key: str,
    seconds: float,
    memory: Mapping[str, int],
) -> str | None:
    """Run the cell of a job's table. Returns None, or the sentence that says why it failed.

    Parameters
    ----------
    table : mapping
        The job's.
    moved : mapping
        As ``Job.moved``, relative to the scratch folder.
    images : sequence of (str, ObjectRef)
        Folders in the scratch folder, each with a mapping of paths in it to contents.
    box : Mailbox
        Where messages go, under ``key``.
    seconds : float
        The time limit.
    memory : mapping
        By the id of a node, the bytes that a process of the cell may take there.
    """
    import ray

    limit = memory.get(ray.get_runtime_context().get_node_id())
    os.environ[cluster_work.VARIABLE] = cluster_work.told(ray.get_runtime_context().gcs_address, memory)
    with scratch_folder() as scratch:
        for folder, image in images:
            for path, content in ray.get(image).items():
                write(scratch / folder / path, content)
        run = scratch / RUN
        write(run / MARK, b"")
        checkpoints_of(run).mkdir(exist_ok=True)
        job = Job(**table)
        job = replace(job, folder=str(run), moved={k: str(scratch / v) for k, v in moved.items()})
        job = replace(job, tokenizer=job.moved.get(job.tokenizer, job.tokenizer))
        error = None
        with closing(_said(job, seconds, limit)) as said:
            for messages in said:
                if messages[-1][0] == "ended":
                    error = messages.pop()[1]
                ray.get(box.put.remote(key, messages))  # messages that have arrived are not lost with the node
    if error is not None and limit is not None and TOO_LITTLE_MEMORY in error:
        error += f" (on {socket.gethostname()} each of its processes may take {limit / 1e9:.2g} GB)"
    return error


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder for a task, and remove those of killed tasks, whose lock nobody holds any more."""
    import fcntl

    for left in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*/{HELD}"):
        with suppress(OSError), left.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left.parent, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=SCRATCH, ignore_cleanup_errors=True) as name:
        scratch = Path(name).resolve()
        with (scratch / f"{HELD}.part").open("wb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            Path(held.name).rename(scratch / HELD)  # it is locked before another task can find it
            yield scratch


def write(path: Path, content: Any) -> None:
    """Write a file of a scratch folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _said(job: Job, seconds: float, limit: int | None) -> Generator[list[Message]]:
    """Run the cell; yield what it says and the files that it changes as they come, and at last how it "ended"."""
    trees = {"cell": Tree(job.path, OF_CELL), "checkpoints": Tree(job.checkpoints)}
    said: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def work() -> None:
        said.put(("ended", run_process(job, seconds, lambda event: said.put(("event", event)), limit)))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    next_look = 0.0
    try:
        yield [("begun", socket.gethostname())]
        ended = False
        while not ended:
            messages: list[Message] = []
            with suppress(queue.Empty):
                messages.append(said.get(timeout=LOOK))
                while True:
                    messages.append(said.get_nowait())
            ended = bool(messages) and messages[-1][0] == "ended"
            began = time.monotonic()
            if ended or began >= next_look:
                changed = [(name, files) for name, tree in trees.items() if (files := tree.changes())]
                messages = [*changed, *messages]
                if messages:
                    yield messages
                now = time.monotonic()
                next_look = now + max(LOOK, (now - began) / MOST_SHARE)
            elif messages:
                yield messages
    finally:
        while thread.is_alive():  # the task was cancelled; its process may be about to start
            end_running()
            thread.join(LOOK)


class Tree:
    """The files of a folder that changed since they were looked at last, or since this was made.

    Parameters
    ----------
    root : Path
        The folder; it may come and go.
    names : collection of str, optional
        The files to look at, by default all.
    """

    def __init__(self, root: Path, names: frozenset[str] | None = None) -> None:
        self._root, self._names = root, names
        self._known = self._stamps()

    def _stamps(self) -> dict[str, tuple[int, ...]]:
        """Return by path a value that changes with the file, in the order in which the files were written."""
        found = {}
        for place, _, names in os.walk(self._root):
            for path in (Path(place, name) for name in names):
                relative = path.relative_to(self._root).as_posix()
                if relative.endswith(".part") or (self._names is not None and relative not in self._names):
                    continue
                with suppress(FileNotFoundError):
                    if path.is_file() and not path.is_symlink():
                        seen = path.stat()
                        found[relative] = seen.st_mtime_ns, seen.st_ino, seen.st_size
        return dict(sorted(found.items(), key=lambda item: item[1]))

    def changes(self) -> Files:
        """Return the contents of new and changed files, and None for files that are gone.

        All are of the same moment. If files change all the time, no file is older than one that was written after it.
        """
        for tries in range(TRIES):
            now, found = self._stamps(), Files()
            for name in reversed(now):
                with suppress(FileNotFoundError):
                    if now[name] != self._known.get(name):
                        found[name] = (self._root / name).read_bytes()
            if tries == TRIES - 1 or not found or self._stamps() == now:
                break
        gone: Files = dict.fromkeys(name for name in self._known if name not in now)
        self._known = {name: stamp for name, stamp in now.items() if name in found or name in self._known}
        return gone | dict(reversed(found.items()))
