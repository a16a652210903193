"""Several processes that train one network: the first starts the others, and each of them joins the training."""

from __future__ import annotations

import pickle
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import distributed as dist

from lmcompare import plugins
from lmcompare.errors import LmcompareError
from lmcompare.model import Budget, Setting
from lmcompare.processes import Child, Emit, EndedError, RaisedError, start
from lmcompare.tokens import Encoded
from lmcompare.training.lanes import BoolArray
from lmcompare.training.seeds import reseed, seeded
from lmcompare.training.team import Team

if TYPE_CHECKING:
    from lmcompare.training.language_model import TorchLanguageModel

JOIN = "lmcompare.training.member:join"
GRACE = 3  # seconds for a process to end whose connection was lost
LONGEST_WAIT = timedelta(hours=2)  # the others wait while the first measures on valid


@dataclass(frozen=True)
class Texts:
    """What a run reads: the texts, and the words read as ``<unk>``."""

    train: Encoded
    valid: Encoded
    rare: BoolArray | None


@contextmanager
def assembled(model: TorchLanguageModel, texts: Texts, setting: Setting) -> Iterator[Team]:
    """Give the team of ``setting.processes``, this one the first; whatever happens, the others end with it.

    Raises ``LmcompareError`` where there are fewer GPUs than processes, and when one of the others ends early.
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
            stack.enter_context(
                start("lmcompare.training.member:join", {**job, "rank": rank, "device": devices[rank]})
            )
            for rank in range(1, size)
        ]
        for rank, other in enumerate(others, 1):  # each reports that it has started: a meeting would wait for hours
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
    """Train with the others, with the model and the texts that a job names; runs in a process of its own."""
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
        network = model.network(len(setting.vocabulary))  # gets the first one's weights
        reseed(setting.seed, rank, device)  # dropout in its rows has its own random numbers
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
    """Return the device of each process: a processor is shared, of GPUs each has one.

    Raises ``LmcompareError`` where there are too few.
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
    """Return which of the processes failed, None if none did: its connections close some time before it has ended."""
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
