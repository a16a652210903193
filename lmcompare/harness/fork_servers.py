"""Servers from which the processes of many small cells are forked: each would import the same modules otherwise."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from importlib import import_module
from typing import Any

from lmcompare import plugins
from lmcompare.harness import environment
from lmcompare.harness.describe import is_own_code
from lmcompare.harness.job import Job
from lmcompare.processes import ForkServer, ServerLostError

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
