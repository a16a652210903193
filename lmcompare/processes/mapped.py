"""The pages of files, as of shared libraries, that a process has mapped: a fork begins without most of them."""

from __future__ import annotations

import ctypes
import os
from array import array
from pathlib import Path

MADV_POPULATE_READ = 22  # of <linux/mman.h>, since Linux 5.14
PRESENT = 1 << 63  # in an entry of /proc/PID/pagemap

Pages = list[tuple[int, int]]  # the address and the number of bytes of each run of pages


def mapped_pages() -> Pages:
    """Return the pages of files that are resident in this process. Raises ``OSError`` where the system hides them."""
    size = os.sysconf("SC_PAGE_SIZE")
    found: Pages = []
    with Path("/proc/self/pagemap").open("rb", buffering=0) as pagemap:
        for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
            place, access, _, _, inode, *_ = line.split()
            if inode == "0" or access[0] != "r":
                continue
            begin, end = (int(address, 16) for address in place.split("-"))
            entries = array("Q", os.pread(pagemap.fileno(), (end - begin) // size * 8, begin // size * 8))
            for address, entry in zip(range(begin, end, size), entries, strict=False):
                if not entry & PRESENT:
                    continue
                if found and sum(found[-1]) == address:
                    found[-1] = found[-1][0], found[-1][1] + size
                else:
                    found.append((address, size))
    return found


def map_pages(pages: Pages) -> None:
    """Map pages of files that the process from which this one was forked has mapped.

    They then count as its memory and take no time later, as in a process that has imported the libraries itself.
    Raises ``OSError`` where the system can't do it.
    """
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    madvise.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    for address, size in pages:
        if madvise(address, size, MADV_POPULATE_READ):
            raise OSError(ctypes.get_errno(), "the pages of files can't be mapped")
