"""All that a training run needs to go on from where it was, bit for bit."""

from __future__ import annotations

import copy
import hashlib
import io
import os
import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import torch
from torch import Tensor

from lmcompare.training.network import Memory

FILE = "training.pt"
DIGEST = 32  # bytes that the file begins with


@dataclass
class Snapshot:
    """A moment of a run.

    ``key`` names the run it belongs to; ``weights``, ``optimisers`` and ``generators``, torch's random states, are as
    after step ``step``; ``memory`` is what the rows keep of their documents; ``best`` are the weights that did best
    on valid, with ``best_loss``, and ``stale`` counts the evaluations since; ``history`` holds (step, seconds,
    tokens, train loss, valid loss); ``halvings`` counts how often the learning rate was halved.
    """

    key: str
    step: int
    tokens: int
    seconds: float
    precision: str
    weights: dict[str, Tensor]
    optimisers: list[dict[str, Any]]
    generators: list[Tensor]
    memory: Memory | None
    best: dict[str, Tensor]
    best_loss: float
    stale: int = 0
    halvings: int = 0
    history: list[tuple[int, float, int, float, float]] = field(default_factory=list)


def save(snapshot: Snapshot, folder: Path) -> None:
    """Write the snapshot, its digest first, aside, then rename it: a kill leaves the old one or the new one."""
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f"{FILE}.{os.getpid()}.part"
    with aside.open("wb") as file:
        file.write(bytes(DIGEST))
        content = _Digesting(file)
        try:
            values = {name: getattr(snapshot, name) for name in snapshot.__dataclass_fields__}
            torch.save(values, cast("IO[bytes]", content))
        except RuntimeError as error:  # torch says where in its own code it was, not that the disk is full
            raise content.failure or error from None
        file.seek(0)
        file.write(content.digest.digest())
    os.replace(aside, folder / FILE)


def load(folder: Path | None, key: str) -> Snapshot | None:
    """Return the run's snapshot; None where there is none, it is damaged, or it belongs to another run."""
    path = None if folder is None else folder / FILE
    if path is None or not path.is_file():
        return None
    try:
        content = memoryview(path.read_bytes())
        if content[:DIGEST] != hashlib.blake2b(content[DIGEST:], digest_size=DIGEST).digest():
            return None
        found = Snapshot(**torch.load(io.BytesIO(content[DIGEST:]), map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, TypeError, pickle.UnpicklingError):  # whole, but of another version
        return None
    return found if found.key == key else None


class _Digesting(io.RawIOBase):
    """A file that takes the digest of what is written to it: a snapshot need not stand in memory once more."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.digest = file, hashlib.blake2b(digest_size=DIGEST)
        self.failure: OSError | None = None

    def write(self, content: Any) -> int:
        self.digest.update(content)
        try:
            return self.file.write(content)
        except OSError as error:
            self.failure = error
            raise


def copied(values: Any) -> Any:
    """Return nested dicts, lists and tensors with every tensor copied to the processor's memory."""
    if isinstance(values, Tensor):
        return values.detach().to("cpu", copy=True)
    if isinstance(values, dict):
        return {name: copied(value) for name, value in values.items()}
    if isinstance(values, list):
        return [copied(value) for value in values]
    return copy.copy(values)


def run_key(**parts: Any) -> str:
    """Return a text that differs between runs which must not share a checkpoint."""
    return repr({name: asdict(p) if hasattr(p, "__dataclass_fields__") else p for name, p in sorted(parts.items())})
