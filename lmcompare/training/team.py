"""The processes of a team that trains one network: how they start, meet and end."""

from __future__ import annotations

import pickle
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist

from lmcompare import plugins
from lmcompare.errors import LmcompareError
from lmcompare.model import LanguageModel, Setting
from lmcompare.processes import Child, Emit, EndedError, RaisedError, start
from lmcompare.training.checkpoint import derived, seeded, set_seed
from lmcompare.training.lanes import Texts
from lmcompare.training.loop import Team

JOIN = "lmcompare.training.team:join"
GRACE = 3  # seconds that a process may take to end after its connection was lost
LONGEST_WAIT = timedelta(hours=2)  # the other processes wait while the first evaluates on the validation text


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
