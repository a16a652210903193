"""Memory: how much a model may take, if the user has set a limit, and large arrays that are given back when freed.

No figure of a model depends on it.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

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
