"""Checkpoints and random states: everything that an interrupted training run needs to continue with the same bits."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lmcompare.errors import one_line


@contextmanager
def seeded(seed: int, device: str = "cpu") -> Iterator[None]:
    """Seed torch inside the context, on the CPU and the device, and restore its global random states afterwards."""
    before = random_states(device)
    set_seed(seed, device)
    try:
        yield
    finally:
        set_random_states(device, before)


def derived(*numbers: int) -> int:
    """Return a seed of 63 bits that depends on all the numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def set_seed(seed: int, device: str) -> None:
    """Seed torch on the CPU and the device."""
    torch.default_generator.manual_seed(seed)
    for other in _device(device):
        other.manual_seed(seed)


def random_states(device: str) -> list[Tensor]:
    """Return the random state of the CPU and, if the device is not the CPU, that of the device."""
    return [torch.get_rng_state(), *(other.get_rng_state() for other in _device(device))]


def set_random_states(device: str, states: list[Tensor]) -> None:
    """Set the random states that ``random_states`` returned."""
    torch.set_rng_state(states[0])
    for other, state in zip(_device(device), states[1:], strict=True):
        other.set_rng_state(state)


def _device(device: str) -> list[Any]:
    """Return a list of torch's module for a device that has its own random state; an empty list for the CPU."""
    kind = torch.device(device).type
    return [] if kind == "cpu" else [torch.get_device_module(kind)]


FILE = "training.safetensors"
DIGEST = 32  # bytes of the digest, which is at the end of the file


@dataclass
class Snapshot:
    """The state of a training run after a step.

    Parameters
    ----------
    key : str
        The identity of the training run that it belongs to.
    precision : str
        The precision of training.
    best : dict of Tensor
        The weights with the lowest validation loss.
    best_loss : float, default=inf
        The validation loss of ``best``.
    stale : int, default=0
        The number of evaluations since the one that found ``best``.
    halvings : int, default=0
        How often the learning rate was halved.
    step, tokens : int, default=0
        The steps made and the tokens read.
    seconds : float, default=0.0
        The training time.
    flops : float, default=0.0
        The floating-point operations, if they are counted.
    flops_per_token : dict
        Operations per token of a training step with the full softmax (False) and with the sampled softmax (True);
        a softmax that is not counted yet has no entry.
    memory : dict of Tensor or None, default=None
        The network's memory of the rows of a batch.
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
    flops: float = 0.0
    flops_per_token: dict[bool, float] = field(default_factory=dict)
    memory: dict[str, Tensor] | None = None
    history: list[tuple[int, float, int, float, float]] = field(default_factory=list)
    weights: dict[str, Tensor] = field(default_factory=dict)
    optimisers: list[dict[str, Any]] = field(default_factory=list)
    generators: list[Tensor] = field(default_factory=list)


def save(snapshot: Snapshot, folder: Path) -> None:
    """Write a snapshot to a temporary file and rename it, so that a killed process leaves the old or the new file.

    The file is in the safetensors format: the values that are not tensors are JSON in its header, and a digest
    follows its end. It contains no code.

    Raises
    ------
    OSError
        If the disk is full.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{FILE}.*.part"):  # files that a killed process has left
        left.unlink(missing_ok=True)
    aside = folder / f"{FILE}.{os.getpid()}.part"
    tensors: dict[str, Tensor] = {}
    values = {name: _written(getattr(snapshot, name), name, tensors) for name in snapshot.__dataclass_fields__}
    try:
        save_file(tensors, aside, {"snapshot": json.dumps(values)})
        with aside.open("r+b") as file:
            digest = hashlib.file_digest(file, _digest).digest()
            file.seek(0, os.SEEK_END)
            file.write(digest)
        os.replace(aside, folder / FILE)
    except SafetensorError as error:  # a full disk, for example
        raise OSError(one_line(error)) from error
    finally:
        aside.unlink(missing_ok=True)


def load(folder: Path | None, key: str) -> Snapshot | None:
    """Return the snapshot of a run; None if there is none, it is damaged, or it belongs to another run."""
    from safetensors import SafetensorError
    from safetensors.torch import load as load_tensors

    path = None if folder is None else folder / FILE
    if path is None or not path.is_file():
        return None
    try:
        content = path.read_bytes()
        content, digest = content[:-DIGEST], content[-DIGEST:]
        if digest != _digest(content).digest():
            return None
        length = int.from_bytes(content[:8], "little")  # the length of the header
        values = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["snapshot"])
        tensors = load_tensors(content)
        found = Snapshot(**{name: _read(value, tensors) for name, value in values.items()})
    except (
        OSError,
        SafetensorError,
        ValueError,
        RecursionError,
        TypeError,
        LookupError,
    ):  # the file can't be read, or another version wrote it
        return None
    return found if found.key == key else None


def _digest(content: bytes = b"") -> Any:
    return hashlib.blake2b(content, digest_size=DIGEST)


def _written(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Return a JSON-able form of a value; its tensors are added to ``tensors``, named by their place in the value.

    JSON has neither the integer keys of an optimiser's state nor the tuples of the history, so both are marked.
    """
    if isinstance(value, Tensor):
        own = value.contiguous()
        held = {each.untyped_storage().data_ptr() for each in tensors.values()}
        tensors[name] = (
            own.clone() if own.untyped_storage().data_ptr() in held else own
        )  # safetensors refuses shared memory
        return {"tensor": name}
    if isinstance(value, dict):
        return {"dict": [[key, _written(each, f"{name}.{key}", tensors)] for key, each in value.items()]}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_written(each, f"{name}.{i}", tensors) for i, each in enumerate(value)]}
    return value


def _read(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Return the value from which ``_written`` made this one."""
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind == "tensor":
        return tensors[held]
    if kind == "dict":
        return {key: _read(each, tensors) for key, each in held}
    found = [_read(each, tensors) for each in held]
    return found if kind == "list" else tuple(found)


def copied(values: Any) -> Any:
    """Return nested dicts, lists and tensors with every tensor copied to the CPU's memory."""
    if isinstance(values, Tensor):
        return values.detach().to("cpu", copy=True)
    if isinstance(values, dict):
        return {name: copied(value) for name, value in values.items()}
    if isinstance(values, list):
        return [copied(value) for value in values]
    return copy.copy(values)
