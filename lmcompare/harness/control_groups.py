"""How much memory the control groups of Linux leave a process: the limits of containers, services and batch jobs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import NamedTuple

GROUPS, MOUNTED = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


class Files(NamedTuple):
    """The files with a group's limit and use, and the key in memory.stat for inactive pages of files."""

    limit: str
    used: str
    inactive: str


VERSION_1 = Files("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
VERSION_2 = Files("memory.max", "memory.current", "inactive_file")


def memory_left() -> float:
    """Return the bytes of memory that the groups of this process leave; infinite where none has a limit.

    The limits of the enclosing groups apply, too: the smallest remainder counts.
    """
    return min((_left(folder, files) for folder, files in _groups()), default=math.inf)


def _groups() -> Iterator[tuple[Path, Files]]:
    """Yield the folder of this process's group, and those of all enclosing groups.

    Some may not exist: a container may see only its own group, as the outermost one, while the path of the group is
    that of the whole machine.
    """
    try:
        lines = GROUPS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        controllers, _, path = line.partition(":")[2].partition(":")
        if controllers and "memory" not in controllers.split(","):
            continue
        top, files = (MOUNTED / "memory", VERSION_1) if controllers else (MOUNTED, VERSION_2)
        own = PurePosixPath(path.lstrip("/"))
        for place in (own, *own.parents):
            yield top / place, files


def _left(folder: Path, files: Files) -> float:
    """Return the bytes that a group leaves; infinite if it has no limit, or is not there.

    Inactive pages of files count as free, as in the figures of Docker and Kubernetes: the system reclaims them before
    it refuses memory.
    """
    try:
        limit, used = (float((folder / name).read_text(encoding="ascii")) for name in (files.limit, files.used))
    except (OSError, ValueError):  # version 2 writes "max" for no limit
        return math.inf
    return max(0.0, limit - used + _inactive(folder, files.inactive))


def _inactive(folder: Path, wanted: str) -> float:
    """Return the bytes of a group's inactive pages of files; 0 where the system does not report them."""
    with suppress(OSError, ValueError):
        for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines():
            name, _, number = line.partition(" ")
            if name == wanted:
                return float(number)
    return 0.0
