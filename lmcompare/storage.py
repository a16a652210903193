"""Files that appear whole or not at all, and a model's state on disk: safetensors and JSON, never pickle."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lmcompare.errors import LmcompareError, PluginError, one_line
from lmcompare.model import State

if TYPE_CHECKING:
    import pandas as pd

JOINED = ".joined"  # in a folder that holds a report of several runs and nothing else
SEAL = "checksums.json"  # written after the files that it vouches for
# What a report reads of a cell
CELL_TABLES = (
    *("cell.json", "scores.parquet", "top.parquet"),
    *("cost.json", "curve.csv", "examples.json", "exhibits.json"),
)


def write_aside(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file beside ``path``, then rename it into place.

    Raises ``LmcompareError`` where the folder can't be written to or has no space left.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        aside = Path(name)
        try:
            write(aside)
            mask = os.umask(0)
            os.umask(mask)
            aside.chmod(0o666 & ~mask)  # mkstemp makes files that only their owner can read
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise LmcompareError(
            f"{path} can't be written ({error.strerror or error}): choose another output folder or make room"
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file in one piece; half a surrogate pair, as in the name of a file, becomes its escape."""
    write_aside(path, lambda aside: aside.write_text(text, "utf-8", "backslashreplace", "\n"))


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file in one piece. NaN and infinities are refused: they are not JSON."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Return what a JSON file holds. Raises ``LmcompareError`` for a missing or broken one."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LmcompareError(f"{path} is missing: run the experiment again to make it") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise LmcompareError(f"{path} is damaged ({error}): delete it and run the experiment again") from None


def seal(folder: Path, names: Iterable[str]) -> None:
    """Write down the digests of these files of a folder, which are then whole: see ``damage``."""
    write_json(folder / SEAL, {name: _digest(folder / name) for name in names})


def damage(folder: Path, names: Iterable[str]) -> str | None:
    """Return the first of these files that is not, to the bit, what was sealed in the folder; None if all are.

    A file that is missing, and every file of a folder without a seal, counts as damaged.
    """
    try:
        digests = json.loads((folder / SEAL).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        digests = None
    if not isinstance(digests, dict):
        return SEAL
    for name in names:
        try:
            if digests.get(name) != _digest(folder / name):
                return name
        except OSError:
            return name
    return None


def is_sealed(folder: Path) -> bool:
    """Return whether the folder has a seal at all: older versions wrote none."""
    return (folder / SEAL).is_file()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for this process. Raises ``LmcompareError`` while another process holds it, and says which."""
    from filelock import FileLock, Timeout

    lock, holder = FileLock(folder / ".lock"), folder / ".holder"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        who = f" ({holder.read_text(encoding='utf-8').strip()})" if holder.is_file() else ""
        raise LmcompareError(
            f"another run is writing to {folder}{who}: wait until it is done, or choose another --out"
        ) from None
    except OSError as error:
        raise LmcompareError(
            f"{folder} can't be written to ({error.strerror or error}): choose another output folder or make room"
        ) from error
    try:
        since = datetime.now().astimezone().isoformat(" ", "seconds")
        write_text(holder, f"process {os.getpid()} on {socket.gethostname()}, since {since}\n")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a parquet file in one piece."""
    write_aside(path, lambda aside: table.to_parquet(aside, index=False, compression="zstd"))


def save_state(state: State, folder: Path) -> None:
    """Write a model's arrays and values into ``folder``.

    Raises ``PluginError`` for what is no state, or holds what can't be stored; ``LmcompareError`` as ``write_aside``.
    """
    _check_state(state)
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    arrays = {name: np.ascontiguousarray(array) for name, array in state.arrays.items()}

    def write(aside: Path) -> None:
        try:
            save_file(arrays, aside)
        except SafetensorError as error:  # a full disk says so too
            raise OSError(one_line(error)) from error

    write_aside(folder / "arrays.safetensors", write)
    write_json(folder / "values.json", dict(state.values))


def _check_state(state: Any) -> None:
    if not isinstance(state, State):
        raise PluginError(f"state() returned a {type(state).__name__}: return lmcompare.State(arrays, values)")
    for name, array in state.arrays.items():
        if np.asarray(array).dtype.kind not in "biuf":
            raise PluginError(
                f"state() holds the array '{name}' of {np.asarray(array).dtype}, which can't be stored: arrays hold "
                "numbers or truth values; put texts and tables into its values"
            )
    try:
        json.dumps(dict(state.values), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise PluginError(f"state() holds values that JSON can't hold ({error}): put numbers into arrays") from None


def load_state(folder: Path) -> State:
    """Return the state that ``save_state`` wrote. Raises ``LmcompareError`` for missing or broken files."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = folder / "arrays.safetensors"
    if not path.is_file():
        raise LmcompareError(f"{path} is missing: run the experiment again to train the model")
    try:
        arrays = load_file(path)
    except SafetensorError as error:
        raise LmcompareError(f"{path} is damaged ({error}): run the experiment again to train the model") from None
    values = read_json(folder / "values.json")
    if not isinstance(values, dict):
        raise LmcompareError(f"{folder / 'values.json'} is damaged: run the experiment again to train the model")
    return State(arrays, values)
