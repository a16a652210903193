"""How much memory a model may take for itself, if the user has set a limit. No figure of a model depends on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

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
