"""Checkpoints: everything that an interrupted training run needs to continue with the same bits."""

from __future__ import annotations

import copy
import hashlib
import io
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from lmcompare.errors import one_line
from lmcompare.training.network import Memory

FILE = "training.pt"
DIGEST = 32  # bytes at the end of the file


@dataclass
class Snapshot:
    """The state of a training run after a step.

    Parameters
    ----------
    key : str
        The run that it belongs to.
    precision : str
        The precision of training.
    best : dict of Tensor
        The weights with the lowest validation loss.
    best_loss : float, default=inf
        Their loss.
    stale : int, default=0
        The evaluations since then.
    halvings : int, default=0
        How often the learning rate was halved.
    step, tokens : int, default=0
        The steps made and the tokens read.
    seconds : float, default=0.0
        The training time.
    memory : Memory or None, default=None
        The memory of the rows.
    history : list
        Step, seconds, tokens, training loss and validation loss of every evaluation.
    weights : dict of Tensor
        The network's weights.
    optimisers : list of dict
        The states of the optimisers.
    generators : list of Tensor
        Torch's random states.
    """

    key: str
    precision: str
    best: dict[str, Tensor]
    best_loss: float = math.inf
    stale: int = 0
    halvings: int = 0
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    memory: Memory | None = None
    history: list[tuple[int, float, int, float, float]] = field(default_factory=list)
    weights: dict[str, Tensor] = field(default_factory=dict)
    optimisers: list[dict[str, Any]] = field(default_factory=list)
    generators: list[Tensor] = field(default_factory=list)


def save(snapshot: Snapshot, folder: Path) -> None:
    """Write a snapshot to a temporary file and rename it, so that a killed process leaves the old or the new one.

    The file is torch's, with a digest after its end.

    Raises
    ------
    OSError
        If the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f"{FILE}.{os.getpid()}.part"
    try:
        torch.save(vars(snapshot), aside)
    except RuntimeError as error:  # torch's error for a full disk
        raise OSError(one_line(error)) from error
    with aside.open("r+b") as file:
        digest = hashlib.file_digest(file, _digest).digest()
        file.seek(0, os.SEEK_END)
        file.write(digest)
    os.replace(aside, folder / FILE)


def load(folder: Path | None, key: str) -> Snapshot | None:
    """Return the snapshot of a run; None if there is none, it is damaged, or it belongs to another run.

    Nothing in the file is executed: torch reads tensors, numbers and texts only.
    """
    path = None if folder is None else folder / FILE
    if path is None or not path.is_file():
        return None
    try:
        content = path.read_bytes()
        content, digest = content[:-DIGEST], content[-DIGEST:]
        if digest != _digest(content).digest():
            return None
        found = Snapshot(**torch.load(io.BytesIO(content), weights_only=True))
    except (OSError, RuntimeError, TypeError, UnpicklingError):  # undamaged, but of another version
        return None
    return found if found.key == key else None


def _digest(content: bytes = b"") -> Any:
    return hashlib.blake2b(content, digest_size=DIGEST)


def copied(values: Any) -> Any:
    """Return nested dicts, lists and tensors with every tensor copied to the CPU's memory."""
    if isinstance(values, Tensor):
        return values.detach().to("cpu", copy=True)
    if isinstance(values, dict):
        return {name: copied(value) for name, value in values.items()}
    if isinstance(values, list):
        return [copied(value) for value in values]
    return copy.copy(values)
