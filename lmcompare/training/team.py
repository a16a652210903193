"""A team of processes that train one network: each reads a share of a batch's rows, and gradients are averaged."""

from __future__ import annotations

import pickle
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from lmcompare import plugins
from lmcompare.errors import LmcompareError
from lmcompare.model import LanguageModel, Setting
from lmcompare.processes import Child, Emit, EndedError, RaisedError, start
from lmcompare.training.checkpoint import Snapshot
from lmcompare.training.lanes import Batch, Texts
from lmcompare.training.network import select
from lmcompare.training.seeds import derived, seeded, set_seed
from lmcompare.training.softmax import IGNORED

T = TypeVar("T")

JOIN = "lmcompare.training.team:join"
GRACE = 3  # seconds that a process may take to end after its connection was lost
LONGEST_WAIT = timedelta(hours=2)  # the other processes wait while the first evaluates on the validation text


class Team:
    """The processes of one training run. The first, of ``rank`` 0, evaluates, reports and writes checkpoints.

    The default is a single process, for which all methods return their arguments.

    Parameters
    ----------
    size : int, default=1
        The number of processes.
    rank : int, default=0
        The number of this process, from 0.
    device : str, default="cpu"
        The device of this process.
    """

    def __init__(self, size: int = 1, rank: int = 0, device: str = "cpu") -> None:
        self.size, self.rank, self.device = size, rank, device

    @property
    def leads(self) -> bool:
        """Whether this is the first process."""
        return self.rank == 0

    def wrap(self, module: nn.Module) -> nn.Module:
        """Return the module with the weights of the first process and with averaged gradients."""
        if self.size == 1:
            return module
        ids = None if torch.device(self.device).type == "cpu" else [torch.device(self.device)]
        # A plug-in's network may have weights that some batches do not use.
        return DistributedDataParallel(module, device_ids=ids, find_unused_parameters=True)

    def share(self, batch: Batch) -> Batch:
        """Return this process's rows of a batch; if there are too few rows, a row whose targets are ignored."""
        rows = self._rows(len(batch.inputs))
        targets = batch.targets[rows]
        if not len(targets):
            rows, targets = slice(1), np.full_like(batch.targets[:1], IGNORED)
        begins, firsts = batch.begins[rows], batch.firsts[rows]
        return replace(batch, inputs=batch.inputs[rows], targets=targets, begins=begins, firsts=firsts)

    def all_reduce(self, value: float) -> float:
        """Return the sum of the values of all processes."""
        if self.size == 1:
            return value
        tensor = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.all_reduce(tensor)
        return float(tensor)

    def broadcast(self, value: T) -> T:
        """Return the value that the first process passes."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, device=torch.device(self.device))
        return box[0]

    def gather(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot with the memories and random states of all processes."""
        if self.size == 1:
            return snapshot
        parts: list[Any] = [None] * self.size
        dist.all_gather_object(parts, (snapshot.generators, snapshot.memory))
        memory = None
        if snapshot.memory is not None:
            memory = {name: torch.cat([part[1][name] for part in parts]) for name in snapshot.memory}
        return replace(snapshot, generators=[state for part in parts for state in part[0]], memory=memory)

    def scatter(self, snapshot: Snapshot | None) -> Snapshot | None:
        """Return this process's part of a snapshot that ``gather`` made and the first process has read."""
        found = self.broadcast(snapshot)
        if found is None:
            return None
        each = len(found.generators) // self.size
        memory = found.memory
        if memory:
            memory = select(memory, self._rows(len(next(iter(memory.values())))))
        states = found.generators[self.rank * each : (self.rank + 1) * each]
        return replace(found, generators=states, memory=memory)

    def _rows(self, count: int) -> slice:
        return slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)


@contextmanager
def assembled(model: LanguageModel, texts: Texts, setting: Setting) -> Iterator[Team]:
    """Yield the team of ``setting.processes`` processes, of which this one is the first.

    The other processes end with the context, whatever happens.

    Raises
    ------
    LmcompareError
        If there are fewer GPUs than processes, or one of the other processes ends early.
    """
    size = setting.processes
    if size == 1:
        yield Team()
        return
    devices = devices_of(setting)
    threads = max(1, setting.threads // size)
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = Path(scratch)
        given = texts, replace(setting, threads=threads, progress=Setting.progress, milestones=None)
        (folder / "given").write_bytes(pickle.dumps(given))
        built = plugins.spec(type(model)), model.hyperparameters(), scratch
        others = [stack.enter_context(start(JOIN, *built, rank, devices[rank])) for rank in range(1, size)]
        # Each process reports its start: otherwise, init_process_group would wait for hours for a failed process.
        for rank, other in enumerate(others, 1):
            if next(other.events(), None) is None:
                raise _lost(rank, size, other)
        torch.set_num_threads(threads)
        try:
            with _meeting(folder, size, 0, devices[0]):
                yield Team(size, 0, devices[0])
        except RuntimeError as error:
            lost = _ended(others)
            if lost is None:
                raise
            raise _lost(lost + 1, size, others[lost]) from error
        finally:
            torch.set_num_threads(setting.threads)


def join(emit: Emit, plugin: str, hyperparameters: Mapping[str, Any], scratch: str, rank: int, device: str) -> None:
    """Train a model together with the other processes; runs in a process of its own."""
    model: Any = plugins.build(plugin, hyperparameters)
    folder = Path(scratch)
    texts, setting = pickle.loads((folder / "given").read_bytes())
    setting = replace(setting, device=device)
    torch.set_num_threads(setting.threads)
    emit({"event": "started"})
    model.end = setting.vocabulary.end
    with seeded(setting.seed, device), _meeting(folder, setting.processes, rank, device):
        network = model.network(len(setting.vocabulary))  # gets the weights of the first process
        set_seed(derived(setting.seed, rank), device)  # every process has its own dropout
        model.train_with(Team(setting.processes, rank, device), network, texts, setting)


@contextmanager
def _meeting(folder: Path, size: int, rank: int, device: str) -> Iterator[None]:
    backend = "gloo"
    if torch.device(device).type == "cuda":
        backend = "nccl"
        torch.cuda.set_device(torch.device(device))
    where = (folder / "meeting").as_uri()
    dist.init_process_group(backend, init_method=where, rank=rank, world_size=size, timeout=LONGEST_WAIT)
    try:
        yield
    finally:
        dist.destroy_process_group()


def devices_of(setting: Setting) -> list[str]:
    """Return the device of each process: they share the CPU, or each has a GPU.

    Raises
    ------
    LmcompareError
        If there are too few GPUs.
    """
    device, size = setting.device, setting.processes
    kind = torch.device(device).type
    if size == 1 or kind == "cpu":
        return [device] * size
    if kind != "cuda" or torch.device(device).index:
        raise LmcompareError(f"several processes can train on cpu or cuda, not on '{device}': choose one process")
    if size > torch.cuda.device_count():
        raise LmcompareError(
            f"{size} processes need {size} GPUs, but there are {torch.cuda.device_count()}: choose fewer processes"
        )
    return [f"cuda:{rank}" for rank in range(size)]


def _ended(others: Sequence[Child]) -> int | None:
    """Return which process failed, or None. A process ends shortly after its connections close, so wait a little."""
    began = time.monotonic()
    while True:
        for which, other in enumerate(others):
            if other.process.poll():
                return which
        if time.monotonic() - began > GRACE:
            return None
        time.sleep(0.1)


def _lost(rank: int, size: int, other: Child) -> LmcompareError:
    try:
        other.result()
        how = "ended too early"
    except EndedError as ended:
        how = str(ended).removeprefix("the process ")
    except RaisedError as error:
        how = f"failed: {error}"
    return LmcompareError(f"process {rank + 1} of the {size} that trained together {how}")
