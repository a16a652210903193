"""What a run ran on: versions, hardware, the device and the number of threads."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lmcompare import __version__
from lmcompare.errors import LmcompareError

PACKAGES = ("numpy", "torch", "gensim", "nltk", "scikit-learn", "pandas", "pyarrow")


def versions() -> dict[str, str]:
    """Return the versions of Python, lmcompare and the packages that figures depend on."""
    found = {"python": platform.python_version(), "lmcompare": __version__}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def hardware(device: str, threads: int) -> dict[str, Any]:
    """Return the processor, cores, memory and platform, with the device and threads that the run uses."""
    return {
        "cpu": _processor(),
        "cores": os.cpu_count() or 1,
        "memory_bytes": _memory(),
        "platform": f"{platform.system()} {platform.machine()}",
        "device": device,
        "threads": threads,
    }


def choose_threads(wanted: int | None) -> int:
    """Return the threads of a cell: what is asked for, else the cores this process may use, at most 8.

    It never depends on how busy the machine is: the number belongs to a cell's key.
    """
    if wanted is not None:
        return wanted
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, 8)


def choose_device(wanted: str) -> str:
    """Return "cpu" or the accelerator to use; "auto" takes CUDA where there is one.

    Raises ``LmcompareError`` for a device that torch does not know or this machine does not have.
    """
    if wanted == "cpu":
        return wanted
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=wanted)
    except (RuntimeError, AssertionError):
        raise LmcompareError(f"there is no device '{wanted}' here: use --device cpu, or auto") from None
    return wanted


def peak_memory_bytes() -> int:
    """Return the greatest resident memory that this process has had; 0 where the system does not say."""
    status = Path("/proc/self/status")
    if status.is_file():  # Linux lets ru_maxrss begin at the peak of the process that started this one
        for line in status.read_text(errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024


def thread_variables(threads: int) -> dict[str, str]:
    """Return the environment of a cell's process: its threads, and waiting ones that sleep instead of spinning.

    Spinning threads lose a factor of thirty as soon as something else takes a core.
    """
    count = str(threads)
    return {
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "0",
        "KMP_BLOCKTIME": "0",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONHASHSEED": "0",
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
