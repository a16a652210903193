"""Where the large arrays of a table are made: in memory, or in files, whose used parts the system keeps in memory.

The files are temporary and have no names: the system deletes them when their arrays are freed, and when the program
ends, however it ends. Disk space is reserved before an array is used, so that a full disk gives an error message of
one sentence.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare import memory
from lmcompare.errors import temporary_room
from lmcompare.scratch import ScratchFile

Array = npt.NDArray[Any]

SMALL = 2**16
"""Bytes up to which an array stays in memory."""


@dataclass(frozen=True)
class Room:
    """Where arrays are made.

    Parameters
    ----------
    limit : int, optional
        The bytes of memory that may be taken while a table is made; None for no limit, and so no files.
    """

    limit: int | None = None

    @classmethod
    def allowed(cls) -> Room:
        """Return the room that this process has now."""
        return cls(memory.left())

    def empty(self, size: int, dtype: npt.DTypeLike) -> Array:
        """Return an array (size,) with arbitrary values, which the caller fills."""
        n_bytes = size * np.dtype(dtype).itemsize
        if self.limit is None or n_bytes <= SMALL:
            return np.empty(size, dtype)
        with temporary_room(), tempfile.TemporaryFile(buffering=0) as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, n_bytes)
            return np.asarray(np.memmap(file, dtype, "r+", shape=(size,)))


IN_MEMORY = Room()


class Column:
    """An array that is written to a file part by part."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._dtype, self._file = np.dtype(dtype), ScratchFile()

    def __len__(self) -> int:
        return self._file.size // self._dtype.itemsize

    def append(self, part: Array) -> int:
        """Write (n,) more elements, and return where they begin."""
        begin = len(self)
        self._file.append(np.ascontiguousarray(part, self._dtype).view(np.uint8).data)
        return begin

    def finish(self) -> Array:
        """Return the whole array, read-only."""
        return self._file.array(self._dtype, (len(self),)) if len(self) else np.zeros(0, self._dtype)
