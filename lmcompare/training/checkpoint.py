"""All that a training run needs to go on from where it was, bit for bit."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from lmcompare.errors import one_line
from lmcompare.training.network import Memory

FILE = "training.safetensors"
DIGEST = 32  # bytes that the file ends with


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
    """Write the snapshot and its digest aside, then rename them: a kill leaves the old one or the new one.

    It is a safetensors file, the numbers beside the tensors as JSON in its head, and the digest after its end:
    nothing in it is code. Raises ``OSError`` where the disk is full.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f"{FILE}.{os.getpid()}.part"
    tensors: dict[str, Tensor] = {}
    values = {name: _written(getattr(snapshot, name), name, tensors) for name in snapshot.__dataclass_fields__}
    try:
        save_file(tensors, aside, {"snapshot": json.dumps(values)})
    except SafetensorError as error:  # a full disk says so too
        raise OSError(one_line(error)) from error
    with aside.open("r+b") as file:
        digest = hashlib.file_digest(file, _digest).digest()
        file.seek(0, os.SEEK_END)
        file.write(digest)
    os.replace(aside, folder / FILE)


def load(folder: Path | None, key: str) -> Snapshot | None:
    """Return the run's snapshot; None where there is none, it is damaged, or it belongs to another run."""
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
        length = int.from_bytes(content[:8], "little")  # of the head
        values = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["snapshot"])
        tensors = load_tensors(content)
        found = Snapshot(**{name: _read(value, tensors) for name, value in values.items()})
    except (OSError, SafetensorError, ValueError, TypeError, LookupError):  # whole, but of another version
        return None
    return found if found.key == key else None


def _digest(content: bytes = b"") -> Any:
    return hashlib.blake2b(content, digest_size=DIGEST)


def _written(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Return a value as JSON holds it; tensors are put aside under the name of their place.

    Whole numbers are keys of an optimiser's state, and tuples rows of the history: JSON knows neither.
    """
    if isinstance(value, Tensor):
        own = value.contiguous()
        held = {each.untyped_storage().data_ptr() for each in tensors.values()}
        tensors[name] = own.clone() if own.untyped_storage().data_ptr() in held else own  # it takes no shared memory
        return {"tensor": name}
    if isinstance(value, dict):
        return {"dict": [[key, _written(each, f"{name}.{key}", tensors)] for key, each in value.items()]}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_written(each, f"{name}.{i}", tensors) for i, each in enumerate(value)]}
    return value


def _read(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Return what ``_written`` was given."""
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
