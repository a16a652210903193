"""Starts the processes that train one network together, and is what each of them runs."""

from __future__ import annotations

import pickle
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist

from lmcompare import plugins
from lmcompare.errors import LmcompareError
from lmcompare.model import Budget, LanguageModel, Setting
from lmcompare.processes import Child, Emit, EndedError, RaisedError, start
from lmcompare.tokens import Encoded
from lmcompare.training.lanes import BoolArray
from lmcompare.training.seeds import reseed, seeded
from lmcompare.training.team import Team

JOIN = "lmcompare.training.member:join"
GRACE = 3  # seconds that a process may take to end after its connection was lost
LONGEST_WAIT = timedelta(hours=2)  # the other processes wait while the first evaluates on the validation text


@dataclass(frozen=True)
class Texts:
    """The texts of a training run, and the (V,) mask of words that are read as ``<unk>`` half of the time."""

    train: Encoded
    valid: Encoded
    rare: BoolArray | None


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
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = Path(scratch)
        (folder / "texts").write_bytes(pickle.dumps(texts))
        threads = max(1, setting.threads // size)
        job = {
            "plugin": plugins.spec(type(model)),
            "hyperparameters": model.hyperparameters(),
            "folder": scratch,
            "size": size,
            "seed": setting.seed,
            "threads": threads,
            "budget": asdict(setting.budget),
            "checkpoints": None if setting.checkpoints is None else str(setting.checkpoints),
        }
        others = [
            stack.enter_context(start(JOIN, {**job, "rank": rank, "device": devices[rank]}))
            for rank in range(1, size)
        ]
        for rank, other in enumerate(
            others, 1
        ):  # each reports its start, since init_process_group would wait for hours
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


def join(emit: Emit, job: dict[str, Any]) -> None:
    """Train the model of a job together with the other processes; runs in a process of its own."""
    rank, size, device, folder = job["rank"], job["size"], job["device"], Path(job["folder"])
    model: Any = plugins.build(job["plugin"], job["hyperparameters"])
    texts: Texts = pickle.loads((folder / "texts").read_bytes())
    setting = Setting(
        texts.train.vocabulary,
        seed=job["seed"],
        device=device,
        threads=job["threads"],
        budget=Budget(**job["budget"]),
        checkpoints=job["checkpoints"] and Path(job["checkpoints"]),
        processes=size,
    )
    torch.set_num_threads(setting.threads)
    emit({"event": "started"})
    with seeded(setting.seed, device), _meeting(folder, size, rank, device):
        network = model.network(len(setting.vocabulary))  # gets the weights of the first process
        reseed(setting.seed, rank, device)  # every process has its own dropout
        model.train_with(Team(size, rank, device), network, texts, setting)


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
        raise LmcompareError(f"several processes train on cpu or on cuda, not on '{device}': choose one process")
    if size > torch.cuda.device_count():
        raise LmcompareError(
            f"{size} processes need as many GPUs, and there are {torch.cuda.device_count()}: choose fewer processes"
        )
    return [f"cuda:{rank}" for rank in range(size)]


def _ended(others: Sequence[Child]) -> int | None:
    """Return which process failed, or None. Its connections close some time before it has ended, so wait a little."""
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
