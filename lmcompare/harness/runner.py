"""Where the processes of cells run: on this machine, or on the nodes of a Ray cluster (``on_ray``)."""

from __future__ import annotations

import math
import sys
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib import import_module
from typing import Any

from lmcompare import plugins
from lmcompare.errors import permitted, what_went_wrong
from lmcompare.harness import environment
from lmcompare.harness.cost import family_of, probe
from lmcompare.harness.describe import is_own_code
from lmcompare.harness.job import Job
from lmcompare.harness.options import RunOptions
from lmcompare.harness.progress import Display, checked
from lmcompare.processes import Emit, EndedError, ForkServer, ServerLostError, TimeLimitError, call, end_running
from lmcompare.runfolder.layout import LOG

LATER = ("pandas", "pyarrow.dataset", "pyarrow.parquet", "safetensors.numpy")  # modules that cells import late
FIRST = 8  # the first cells of a plug-in are started afresh: a server needs as much time as it would save


class ForkServers:
    """The servers of a run: one for each of lmcompare's plug-ins that has many cells and does not need PyTorch.

    Each imports what the cells of one plug-in import, so that their peak memory is that of a new process.
    """

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()
        self._servers: dict[str, ForkServer | None] = {}
        self._lock = threading.Lock()

    def of(self, job: Job) -> ForkServer | None:
        """Return the server of a cell that is to begin; None if it is started afresh, as cells with another package's
        code are.
        """
        if sys.platform != "linux" or not is_own_code(job.plugin, job.hyperparameters):
            return None
        with self._lock:
            self._begun[job.plugin] += 1
            if self._begun[job.plugin] > FIRST and job.plugin not in self._servers:
                self._servers[job.plugin] = _started(job)
            return self._servers.get(job.plugin)

    def close(self) -> None:
        """End the servers."""
        for server in self._servers.values():
            if server is not None:
                server.close()
        self._servers.clear()


def _started(job: Job) -> ForkServer | None:
    variables = environment.thread_variables(job.machine["threads"])
    try:
        return ForkServer(f"{__name__}:loaded", job.plugin, job.hyperparameters, variables=variables)
    except ServerLostError:
        return None


def loaded(plugin: str, hyperparameters: dict[str, Any]) -> bool:
    """Load what the cells of a plug-in need; return whether they can be forked. Runs in the server.

    Cells that need PyTorch can't: it has threads of its own, whose waiting is set when each cell begins.
    """
    for name in ("lmcompare.harness.cell", *LATER):
        import_module(name)
    plugins.build(plugin, hyperparameters).warm_up()
    return "torch" not in sys.modules


PLENTY = 6e9  # bytes for each worker: no cell takes more on a text of the usual size


class Runner(ABC):
    """Runs cells, each in a process of its own, whose files are in the run folder when it has ended."""

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many cells may run at the same time now, at least one."""

    @abstractmethod
    def run(self, job: Job, seconds: float, emit: Emit) -> str | None:
        """Run a cell. Returns None, or the sentence that says why it failed."""

    @abstractmethod
    def end(self) -> None:
        """End all that run."""

    def memory(self, jobs: Sequence[Job]) -> tuple[float, Callable[[Job], float]]:
        """Return the free bytes for cells, and a function that gives the bytes that the cell of a job takes.

        The bytes of a cell are infinite if they are not known, so that no other cell runs beside it. By default there
        is no limit.
        """
        return math.inf, lambda job: 0.0

    def close(self) -> None:  # noqa: B027
        """End what was started for the cells. No cell runs any more."""


class Here(Runner):
    """Runs cells on this machine.

    Parameters
    ----------
    workers : int
        How many may run at the same time.
    show : Display
        Is told what takes a while.
    """

    def __init__(self, workers: int, show: Display) -> None:
        self._workers, self._show = workers, show
        self._servers = ForkServers()

    @property
    def workers(self) -> int:
        return self._workers

    def memory(self, jobs: Sequence[Job]) -> tuple[float, Callable[[Job], float]]:
        """Estimate what cells need by a probe of each family, unless there is plenty."""
        free = environment.available_memory()
        if free >= PLENTY * self.workers or len(jobs) < 2:
            return free, lambda job: 0.0
        self._show.say("Measuring for a moment how much memory the cells will take …")
        first = {family_of(job): job for job in reversed(jobs)}
        costs = {of: probe(job) for of, job in first.items()}
        found = {of: math.inf if cost is None or cost.memory is None else cost.memory for of, cost in costs.items()}
        if unknown := [first[of].name for of, memory in reversed(found.items()) if memory == math.inf]:
            self._show.say(
                f"How much memory cells such as {', '.join(unknown)} take could not be measured: each of them runs"
                " alone."
            )
        return free, lambda job: found.get(family_of(job), 0.0)  # finished cells take none

    def run(self, job: Job, seconds: float, emit: Emit) -> str | None:
        return run_process(job, seconds, emit, server=self._servers.of(job))

    def end(self) -> None:
        end_running()

    def close(self) -> None:
        self._servers.close()


def run_process(
    job: Job, seconds: float, emit: Emit, memory: int | None = None, server: ForkServer | None = None
) -> str | None:
    """Run a cell in a process of its own on this machine. Returns None, or the sentence that says why it failed.

    It has its own threads and peak memory: a crash ends this cell alone, and the process is ended after ``seconds``.
    It may take ``memory`` bytes for itself, or all that there is. It is forked from ``server``, or started afresh.
    """
    try:
        make_ready(job)
        call(
            "lmcompare.harness.cell:run_job",
            asdict(job),
            on_event=lambda event: emit(checked(event)),
            log=job.path / LOG,
            variables=environment.thread_variables(job.machine["threads"]) if server is None else None,
            seconds=seconds,
            memory=memory,
            server=server,
        )
    except ServerLostError:
        return run_process(job, seconds, emit, memory)
    except TimeLimitError as late:
        return f"{late}; raise the limit with --time-limit"
    except EndedError as ended:
        return f"{ended}{'; its log.txt says more' if ended.code >= 0 else ''}"
    except (Exception, SystemExit) as error:
        return what_went_wrong(error)
    return None


@permitted()
def make_ready(job: Job) -> None:
    """Make the folder of a cell."""
    job.path.mkdir(parents=True, exist_ok=True)


def machine_of(options: RunOptions, show: Display) -> dict[str, Any]:
    """Return the "device", "threads" and "processes" of the cells. Raises ``LmcompareError`` as ``chosen`` does."""
    if options.engine == "local":
        return environment.chosen(options)
    from lmcompare.harness import cluster

    return cluster.connected(options.address, show).chosen(options)


def runner_of(options: RunOptions, machine: dict[str, Any], show: Display) -> Runner:
    """Return where the cells of a run are to run."""
    if options.engine == "local":
        return Here(options.workers, show)
    from lmcompare.harness import cluster
    from lmcompare.harness.on_ray import OnRay

    return OnRay(cluster.connected(options.address, show), machine, show)


def leave() -> None:
    """End the connection to a Ray cluster that runs of this process have opened, if there is one."""
    if (cluster := sys.modules.get("lmcompare.harness.cluster")) is not None:
        cluster.disconnect()
