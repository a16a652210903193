"""What a fitted plug-in has learnt, in a form that can be stored without pickle, and the checks of what is restored.

Compiled loops and indices rely on these checks: what comes from a file may have been altered, with new checksums.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.errors import LmcompareError

Array = npt.NDArray[Any]

WHOLE = (np.int32, np.int64)
REAL = (np.float32, np.float64)
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
