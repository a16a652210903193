"""Memory: how much a model may take, what is given back, and temporary files for what may be longer than memory.

No figure of a model depends on it.
"""

from __future__ import annotations

import ctypes
import gzip
import os
import re
import sys
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from lmcompare.errors import LmcompareError, temporary_room

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]


# parameters of glibc's mallopt(3): the size from which a block gets a mapping of its own, and the bytes that may
# stay free at the end of the heap
MAPPED_FROM, FREE_AT_END = -3, -1
LARGE = 2**23
MOST = 2**25  # glibc's own upper limit of the first parameter


@contextmanager
def given_back() -> Iterator[None]:
    """Give each array of eight megabytes or more a mapping of its own inside the context, so that it leaves no hole.

    Once a program has freed a large block, glibc takes later blocks of up to about this size from its heap. Code that
    makes and frees many arrays of different sizes then leaves holes there: an eighth of the memory at ten million
    words. Afterwards the parameters have the values that glibc would have reached by itself. Other C libraries are
    left as they are.
    """
    tune = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if tune is None:
        yield
        return
    tune(MAPPED_FROM, LARGE)
    try:
        yield
    finally:
        tune(MAPPED_FROM, MOST)
        tune(FREE_AT_END, 2 * MOST)


def give_back_what_is_free() -> None:
    """Return to the system the memory that freed small objects and Arrow's tables have used.

    The C library and Arrow would otherwise keep it until the process ends.
    """
    if (arrow := sys.modules.get("pyarrow")) is not None:
        arrow.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


LEAST = 256 * 10**6
"""The smallest limit that can be set, in bytes: Python, NumPy and the compiled loops alone take half of it."""

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(MB|GB|TB|MiB|GiB|TiB)", re.IGNORECASE)
_UNITS = {"mb": 10**6, "gb": 10**9, "tb": 10**12, "mib": 2**20, "gib": 2**30, "tib": 2**40}

_allowed: ContextVar[int | None] = ContextVar("allowed", default=None)


def bytes_of(size: str) -> int:
    """Return the bytes of a size such as "1GB" or "512 MiB".

    Raises ``ValueError`` for a text that is not a size, and for a size below ``LEAST``, which no run can keep to.
    """
    found = _SIZE.fullmatch(size.strip())
    if found is None:
        raise ValueError(f'memory is a number and a unit, such as "1GB" or "512MiB", not {size!r}')
    number = int(float(found[1]) * _UNITS[found[2].lower()])
    if number < LEAST:
        raise ValueError(f"memory is {size}, and a run needs {LEAST // 10**6} MB or more: give more, or leave it out")
    return number


@contextmanager
def limited(size: int | None) -> Iterator[None]:
    """Limit the memory of models to ``size`` bytes inside the context, if they can keep to it; None sets no limit.

    Memory-mapped files do not count, although the system holds the parts that are in use in memory.
    """
    token = _allowed.set(size)
    try:
        yield
    finally:
        _allowed.reset(token)


def left() -> int | None:
    """Return the bytes that may still be taken, at least a quarter of the limit; None if there is no limit."""
    limit = _allowed.get()
    return None if limit is None else max(limit // 4, limit - _anonymous())


def _anonymous() -> int:
    """Return the bytes of memory that this process uses, without those of memory-mapped files.

    On a system that does not report them, return the bytes that Python, NumPy and the compiled loops take.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon:")), LEAST // 2)


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


ALWAYS = 1 << 26
"""Bytes that the content of any compressed file may have, however small the file is."""


def bounded(stream: IO[bytes] | gzip.GzipFile, path: object, most: int, times: int) -> Iterator[bytes]:
    """Yield a stream of decompressed bytes in parts.

    Raises
    ------
    LmcompareError
        If there are more than ``most``, which is ``times`` the size of the compressed file at ``path``.
    """
    size = 0
    while part := stream.read(1 << 20):
        size += len(part)
        if size > most:
            raise LmcompareError(
                f"{path} becomes more than {times} times as large when it is decompressed, which text does not; "
                "decompress it yourself if you trust it, and give the file inside"
            )
        yield part


def gunzipped(path: Path, times: int = 100) -> Iterator[bytes]:
    """Yield the content of a gzip file in parts. Raises as ``bounded``."""
    with gzip.open(path) as stream:
        yield from bounded(stream, path, max(ALWAYS, times * path.stat().st_size), times)
