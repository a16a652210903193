"""Memory of large arrays that is given back to the system when they are freed."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

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
