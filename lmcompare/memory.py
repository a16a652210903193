"""Memory of large arrays that is given back to the system when they are freed."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# glibc's mallopt(3): from what size on a block is mapped by itself, and how much may lie free at the heap's end
MAPPED_FROM, FREE_AT_END = -3, -1
LARGE = 2**23
MOST = 2**25  # glibc's own limit of the first


@contextmanager
def given_back() -> Iterator[None]:
    """While it is open, an array of eight megabytes or more is mapped by itself, and leaves no hole when it is freed.

    Once a program has freed one large block, glibc takes those that are not much larger from its heap, where work
    that makes and frees many arrays of different sizes leaves holes: an eighth of the memory at ten million words.
    Afterwards the limits are those that glibc would have come to by itself. Other C libraries are left as they are.
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
    """Return to the system what many small objects, and Arrow's tables, have left behind.

    Both libraries keep it otherwise, until the end.
    """
    if (arrow := sys.modules.get("pyarrow")) is not None:
        arrow.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
