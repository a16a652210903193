"""What a fitted plug-in has learnt, in a form that can be stored without pickle, and the checks of what is restored.

Compiled loops and indices rely on these checks: what comes from a file may have been altered, with new checksums.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.errors import LmcompareError, one_line

Array = npt.NDArray[Any]

WHOLE = (np.int32, np.int64)
REAL = (np.float32, np.float64)
LONGEST_HEADER = 10**8  # bytes; the library refuses a longer one
KINDS: Mapping[str, npt.DTypeLike] = {  # the types of arrays by their names in a safetensors file
    "BOOL": np.bool_,
    **{f"I{8 * size}": f"<i{size}" for size in (1, 2, 4, 8)},
    **{f"U{8 * size}": f"<u{size}" for size in (1, 2, 4, 8)},
    **{f"F{8 * size}": f"<f{size}" for size in (2, 4, 8)},
}
ROUNDING = 1e-6


@dataclass(frozen=True)
class State:
    """Everything that a model or a tokenizer has learnt, without its parameters: named arrays and JSON values.

    Parameters
    ----------
    arrays : mapping of str to array
        Numbers or booleans; stored as safetensors.
    values : mapping of str to JSON value
        Strings, numbers, lists and tables; stored as JSON.
    """

    arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


class DamagedStateError(LmcompareError):
    """A stored state is not one that its plug-in wrote; the message says why, without a place and without advice."""


def mapped_file(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Return the arrays of a safetensors file and its metadata.

    The arrays are mapped into memory, so that they are read where they are needed; writing to them does not change
    the file. Raises ``DamagedStateError`` for a file that is not whole, and ``OSError`` for one that can't be read.
    """
    from safetensors import SafetensorError, safe_open

    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        text = file.read(min(size, LONGEST_HEADER))
    try:
        with safe_open(path, framework="numpy"):
            pass  # which checks the header: names, kinds, sizes, and that the arrays fill the file without a gap
    except SafetensorError as error:
        raise DamagedStateError(one_line(error)) from None
    header = json.loads(text)
    about: dict[str, str] = header.pop("__metadata__", {})
    content = np.memmap(path, np.uint8, "c", 8 + size) if path.stat().st_size > 8 + size else np.zeros(0, np.uint8)
    arrays = {}
    for name, entry in header.items():
        if entry["dtype"] not in KINDS:
            raise DamagedStateError(f"{name} is of kind {entry['dtype']}")
        begin, end = entry["data_offsets"]
        arrays[name] = np.asarray(content[begin:end]).view(np.dtype(KINDS[entry["dtype"]])).reshape(entry["shape"])
    return arrays, about


def taken(
    arrays: Mapping[str, Array], name: str, dtypes: tuple[npt.DTypeLike, ...], shape: tuple[int | None, ...]
) -> Array:
    """Return a stored array of one of these types and this shape, None for any length.

    Raises ``DamagedStateError`` if there is none, as the functions below do for other values than they name.
    """
    if name not in arrays:
        raise DamagedStateError(f"there is no array {name}")
    array = arrays[name]
    fits = len(shape) == array.ndim and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    if not fits or array.dtype not in dtypes:
        raise DamagedStateError(f"{name} has the type {array.dtype} and the shape {array.shape}")
    return array


def whole(arrays: Mapping[str, Array], name: str, shape: tuple[int | None, ...], below: int, least: int = 0) -> Array:
    """Return a stored array of whole numbers from ``least`` to ``below`` - 1."""
    array = taken(arrays, name, WHOLE, shape)
    check_range(name, array, least, below - 1)
    return array


def real(
    arrays: Mapping[str, Array],
    name: str,
    shape: tuple[int | None, ...],
    least: float = -np.inf,
    most: float = np.inf,
) -> Array:
    """Return a stored array of numbers from ``least`` to ``most``; NaN is none."""
    array = taken(arrays, name, REAL, shape)
    check_range(name, array, least, most)
    return array


def offsets(arrays: Mapping[str, Array], name: str, groups: int | None, end: int, first: int = 0) -> Array:
    """Return stored offsets, (``groups`` + 1,): they begin with ``first``, never fall, and end with ``end``."""
    array = taken(arrays, name, WHOLE, (None if groups is None else groups + 1,))
    check_offsets(name, array, end, first)
    return array


def check_range(name: str, array: Array, least: float, most: float) -> None:
    """Refuse numbers outside of ``least`` to ``most``, and NaN; real numbers may be outside by ``ROUNDING``."""
    more = ROUNDING if array.dtype.kind == "f" else 0
    if array.size and not (array.min() >= least - more and array.max() <= most + more):  # false for NaN, too
        raise DamagedStateError(f"{name} has numbers that are not from {least:,} to {most:,}")


def check_offsets(name: str, array: Array, end: int, first: int = 0) -> None:
    """Refuse offsets that do not begin with ``first``, that fall, or that do not end with ``end``."""
    if not len(array) or array[0] != first or array[-1] != end or np.any(array[1:] < array[:-1]):
        raise DamagedStateError(f"{name} does not rise from {first:,} to {end:,}")


def check_rising(name: str, array: Array, begins: Array) -> None:
    """Refuse numbers that do not rise strictly within each group; ``begins``, offsets: where the groups begin."""
    new = np.zeros(len(array) + 1, np.bool_)
    new[begins] = True
    if np.any((array[1:] <= array[:-1]) & ~new[1:-1]):
        raise DamagedStateError(f"{name} does not rise within a group")


@dataclass(frozen=True)
class ArraySpec:
    """What an array that a model learns must be, for it to be restored.

    Parameters
    ----------
    shape : tuple of int or str
        The lengths of the axes. A name stands for any length, and for the same length wherever it occurs.
    least, most : float
        The range of the numbers; NaN is never in it.
    whole : bool
        Whether the numbers are whole.
    """

    shape: tuple[int | str, ...]
    least: float = -np.inf
    most: float = np.inf
    whole: bool = False


def check_specs(specs: Mapping[str, ArraySpec], arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return the stored arrays that the specs name. Raises ``DamagedStateError`` for one that is not as its spec."""
    found, lengths = {}, dict[str, int]()
    for name, spec in specs.items():
        shape = tuple(lengths.get(n) if isinstance(n, str) else n for n in spec.shape)
        array = found[name] = taken(arrays, name, WHOLE if spec.whole else REAL, shape)
        lengths |= {n: size for n, size in zip(spec.shape, array.shape, strict=True) if isinstance(n, str)}
        if array.shape != tuple(lengths[n] if isinstance(n, str) else n for n in spec.shape):
            raise DamagedStateError(f"{name} has the shape {array.shape}")
        check_range(name, array, spec.least, spec.most)
    return found
