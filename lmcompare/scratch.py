"""Temporary files for texts and arrays that may be longer than memory."""

from __future__ import annotations

import os
import tempfile
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lmcompare.errors import temporary_room

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

IN_MEMORY = 1 << 25
"""Texts and arrays of up to this many bytes stay in memory, as most do, and need no file."""


class ScratchFile:
    """A temporary file without a name, which the system deletes at the latest when the program ends.

    It is written from its beginning to its end, and can be read at any place by several readers and processes.
    """

    def __init__(self) -> None:
        with temporary_room():  # without a buffer, which a process that forks from this one would write once more
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (open as long as it may be read)
        weakref.finalize(self, self._file.close)
        self.size = 0

    def append(self, data: bytes | memoryview) -> int:
        """Write bytes at the end, and return where they begin."""
        begin = self.size
        left = memoryview(data)
        with temporary_room():
            while left:
                left = left[self._file.write(left) :]
        self.size += len(data)
        return begin

    def read(self, start: int, size: int) -> bytes:
        """Return ``size`` bytes from ``start`` on; fewer at the end of the file."""
        return os.pread(self._file.fileno(), size, start)

    def array(self, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> Array:
        """Return the whole file as a read-only array, which the system reads where it is needed."""
        import numpy as np

        return np.asarray(np.memmap(self._file, dtype, "r", shape=shape))


@dataclass(frozen=True)
class StoredText:
    """A text in a scratch file."""

    file: ScratchFile
    start: int
    size: int

    def read(self) -> str:
        """Return the text."""
        return self.file.read(self.start, self.size).decode(errors="surrogatepass")


class TextStore:
    """Keeps texts: the first ones in memory, and those beyond `IN_MEMORY` bytes in a scratch file."""

    def __init__(self) -> None:
        self._left = IN_MEMORY
        self._file: ScratchFile | None = None

    def keep(self, text: str) -> str | StoredText:
        """Return the text itself, or where it is from now on."""
        self._left -= len(text)
        if self._left >= 0:
            return text
        self._file = self._file or ScratchFile()
        raw = text.encode(errors="surrogatepass")
        return StoredText(self._file, self._file.append(raw), len(raw))


class GrowingArray:
    """An array that is made of parts, one after the other; beyond `IN_MEMORY` bytes it is in a scratch file.

    Parameters
    ----------
    dtype : dtype
        That of the array; the parts are converted.
    shape : tuple of int
        The shape of each of its elements.
    """

    def __init__(self, dtype: npt.DTypeLike, shape: tuple[int, ...] = ()) -> None:
        import numpy as np  # imported here: listing the corpora does not need it

        self._dtype, self._shape = np.dtype(dtype), shape
        self._parts: list[Array] = []
        self._held = 0  # bytes of the parts
        self._file: ScratchFile | None = None
        self._length = 0

    def append(self, part: Array) -> None:
        """Add (n, *shape) elements at the end."""
        part = part.astype(self._dtype, "C", copy=False)
        self._parts.append(part)
        self._held += part.nbytes
        self._length += len(part)
        if self._held > IN_MEMORY or self._file is not None:
            self._file = self._file or ScratchFile()
            for each in self._parts:
                self._file.append(each.reshape(-1).view("uint8").data)
            self._parts, self._held = [], 0

    def finish(self) -> Array:
        """Return the (N, *shape) array, read-only."""
        if self._file is not None:
            return self._file.array(self._dtype, (self._length, *self._shape))
        import numpy as np

        whole = np.concatenate([*self._parts, np.zeros((0, *self._shape), self._dtype)])
        whole.flags.writeable = False
        return whole
