"""How the cells of a run are trained: the options that say so, and what this machine has for them.

The options are declared once: an experiment file, the command line and the Python interface have them.
"""

from __future__ import annotations

import math
import os
import platform
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Gt, Le

from lmcompare import __version__, memory
from lmcompare.errors import LmcompareError

if TYPE_CHECKING:
    from lmcompare.runfolder.manifest import Hardware


Live = Literal["pocket", "full", "none"]
GIVES_AWAY = "The page contains the training text: whoever has the page can read it."
Preset = Literal["quick", "default", "full"]
Engine = Literal["local", "ray"]
Count = Annotated[int, Ge(1), Le(1024)]
A_WEEK = 7 * 24 * 3600.0  # seconds


def _option(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class RunOptions:
    """How the models of a run are trained; ``metadata["help"]`` of a field is the help of the option.

    Parameters
    ----------
    preset : {"quick", "default", "full"}
        Which of its presets each model takes its hyper-parameters from.
    device : str
        "cpu", "cuda", "cuda:0", or "auto" for CUDA where there is a card.
    threads : int, optional
        How many threads each model may use; by default half of the cores, at most four, since two small networks
        are trained sooner side by side than one after the other.
    processes : int
        How many processes train a neural model together, each on a GPU of its own or sharing the threads.
    workers : int, optional
        How many cells run at the same time; by default as many as there are cores for, at most four.
    engine : {"local", "ray"}
        Whether cells run on this machine or as tasks of Ray, as many at the same time as there are CPUs for.
    address : str, optional
        The Ray cluster, "auto" or "HOST:PORT"; by default Ray is started on this machine for the run.
    milestones : bool
        Whether models that are trained in steps are scored on the whole validation text at ten points of it.
    memory : str, optional
        How much memory a model may take, such as "1GB", if it can keep to a limit; by default all that it can use. No
        figure depends on it.
    time_limit : float, optional
        Seconds after which a model is stopped and counts as failed, and reading the text stops the run; by default a
        week.
    """

    preset: Preset = _option("default", "quick, default or full.")
    device: str = _option("auto", "cpu, cuda or auto.")
    threads: Count | None = _option(None, "Threads that each model may use.")
    processes: Count = _option(1, "Processes that train a neural model together.")
    workers: Count | None = _option(
        None, "Cells that run at the same time (default: as many as there are cores for)."
    )
    engine: Engine = _option("local", "local, or ray to run cells on a cluster.")
    address: str | None = _option(None, "The Ray cluster: auto or HOST:PORT (default: start Ray here).")
    milestones: bool = _option(False, "Score models while they are trained, to compare them at equal compute.")
    memory: str | None = _option(None, "Memory that n-gram models may take, such as 1GB; they put the rest on disk.")
    time_limit: Annotated[float, Gt(0)] | None = _option(
        None, "Seconds after which a model is stopped and fails (default: a week)."
    )

    @property
    def memory_bytes(self) -> int | None:
        """The limit of memory in bytes."""
        return None if self.memory is None else memory.bytes_of(self.memory)

    @property
    def seconds(self) -> float:
        """The time limit in seconds."""
        return self.time_limit or A_WEEK


@dataclass(frozen=True)
class PageOptions:
    """What the page of a report carries, so that its models answer a reader.

    Parameters
    ----------
    live : {"pocket", "full", "none"}
        "pocket" for small copies of the models, "full" for whole ones, "none" for neither models nor text.
    live_text : bool
        Whether the page carries the training text of any corpus, which models that count need; by default it does so
        for the embedded corpus alone, whose licence allows it.
    """

    live: Live = _option("pocket", "Copies of the models in the page: pocket, full or none.")
    live_text: bool = _option(False, "Put the training text into the page, for models that count.")

    def __post_init__(self) -> None:
        if self.live == "none" and self.live_text:
            raise LmcompareError(
                "--live none leaves the training text out, and --live-text puts it in: leave out one of the two"
            )


GROUPS, MOUNTED = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def memory_left() -> float:
    """Return the bytes of memory that the groups (cgroups, version 2) of this process leave; infinite without one.

    The limits of the enclosing groups apply, too: the smallest remainder counts. Some may not exist: a container may
    see only its own group, as the outermost one, while the path of the group is that of the whole machine.
    """
    try:
        lines = GROUPS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return math.inf
    own = [PurePosixPath(line.removeprefix("0::").lstrip("/")) for line in lines if line.startswith("0::")]
    return min((_left(MOUNTED / place) for path in own for place in (path, *path.parents)), default=math.inf)


def _left(folder: Path) -> float:
    """Return the bytes that a group leaves; infinite if it has no limit, or is not there.

    Inactive pages of files count as free, as in the figures of Docker and Kubernetes: the system reclaims them before
    it refuses memory.
    """
    try:
        limit, used = (float((folder / f"memory.{name}").read_text(encoding="ascii")) for name in ("max", "current"))
    except (OSError, ValueError):  # "max" stands for no limit
        return math.inf
    inactive = 0.0
    with suppress(OSError, ValueError, StopIteration):
        lines = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
        inactive = float(next(line.split()[1] for line in lines if line.startswith("inactive_file ")))
    return max(0.0, limit - used + inactive)


SPINS = 5000  # loops of GNU OpenMP before a thread sleeps: some tens of microseconds
IDLE_ENOUGH = 0.3  # cores
MOST_THREADS = 4  # of a cell on a processor, unless the user sets more
FEEDING = 8  # threads of a cell on an accelerator, unless the user sets others
MOST_WORKERS = 4  # cells that run at the same time by default
PRIMITIVES = 64  # kernels that oneDNN caches, some megabytes each; a sampled softmax needs new ones in every step
PACKAGES = ("numpy", "torch", "gensim", "nltk", "scikit-learn", "pandas", "pyarrow")


def versions() -> dict[str, str]:
    """Return the versions of Python, lmcompare and the packages that figures depend on."""
    of_packages = {package: version(package) for package in PACKAGES}
    return {"python": platform.python_version(), "lmcompare": __version__, **of_packages}


def this_machine() -> dict[str, Any]:
    """Return the processor, cores, memory and platform, as the table of a ``Machine``."""
    return {
        "cpu": _processor(),
        "cores": os.cpu_count() or 1,
        "memory_bytes": _memory(),
        "platform": f"{platform.system()} {platform.machine()}",
    }


def hardware(device: str, threads: int) -> Hardware:
    """Return this machine with the device and threads that the run uses."""
    from lmcompare.runfolder.manifest import Hardware  # pydantic, which the processes of cells do not need

    return Hardware(**this_machine(), device=device, threads=threads)


def chosen(options: RunOptions) -> dict[str, Any]:
    """Return the "device", "threads" and "processes" of the cells.

    By default a cell has half of the cores that this process may use, at most four; on an accelerator it has all, at
    most eight. The number never depends on how busy the machine is or on what runs at the same time, because it
    belongs to a cell's key. Raises ``LmcompareError`` for a device that is not here, and for too many processes or
    workers.
    """
    device, allowed = _device(options.device), usable_cores()
    own = min(max(1, allowed // 2), MOST_THREADS) if device == "cpu" else min(allowed, FEEDING)
    threads = options.threads or max(own, options.processes if device == "cpu" else 1)
    check_processes(options.processes, device, max(threads, allowed))
    check_workers(options.workers or 1, threads, allowed, device)
    return {"device": device, "threads": threads, "processes": options.processes}


def workers_of(options: RunOptions, machine: Mapping[str, Any]) -> int:
    """Return how many cells with the threads and device of ``machine`` run at the same time."""
    if options.workers is not None:
        return options.workers
    return 1 if machine["device"] != "cpu" else min(max(1, usable_cores() // machine["threads"]), MOST_WORKERS)


def usable_cores() -> int:
    """Return how many cores this process may use, also in a container that has a share of the machine's."""
    import joblib

    return int(joblib.cpu_count())


def check_workers(workers: int, threads: int, cores: int, device: str) -> None:
    """Raise ``LmcompareError`` unless this number of cells can run at the same time, each with its threads."""
    if workers == 1:
        return
    if device != "cpu":
        raise LmcompareError(f"cells can't share the device '{device}': leave --workers out, or give --device cpu")
    if workers * threads > cores:
        most = max(1, cores // workers)
        fewer = f"give at most {cores} workers" if cores > 1 else "leave --workers out"
        advice = f"give --threads {most}" if workers <= cores else fewer
        each = f"{threads} thread{'s' if threads > 1 else ''}"
        raise LmcompareError(
            f"{workers} workers with {each} each need {workers * threads} cores, and this process may use {cores}:"
            f" {advice}"
        )


def _device(wanted: str) -> str:
    """Return "cpu" or the accelerator to use; "auto" takes CUDA where there is one."""
    if wanted == "cpu" or (wanted == "auto" and version("torch").endswith("+cpu")):  # torch takes a second to load
        return "cpu"
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, dtype=torch.float64, device=wanted)
    except (RuntimeError, AssertionError):
        raise LmcompareError(f"this machine has no device '{wanted}': choose the device cpu or auto") from None
    except TypeError:  # such as Apple's
        raise LmcompareError(
            f"the device '{wanted}' does not support floating-point numbers of 64 bits: choose the device cpu"
        ) from None
    return wanted


def check_processes(processes: int, device: str, cores: int) -> None:
    """Raise ``LmcompareError`` unless each of the processes has a GPU of its own, or one of the cores or threads."""
    if processes == 1:
        return
    if device == "cpu":
        if processes > cores:
            raise LmcompareError(
                f"{processes} processes need at least {processes} threads, not {cores}: choose fewer processes, or"
                " more threads"
            )
        return
    import torch

    there = torch.cuda.device_count() if device == "cuda" else 1
    if processes > there:
        raise LmcompareError(
            f"{processes} processes on '{device}' need as many GPUs, and this machine has {there}: choose fewer"
            " processes, or the device cpu"
        )


def peak_memory_bytes() -> int | None:
    """Return the peak resident memory of this process in bytes; None where the system does not report it."""
    status = Path("/proc/self/status")
    if status.is_file():  # on Linux, ru_maxrss begins at the peak of the process that started this one
        for line in status.read_text(errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024


def thread_variables(threads: int) -> dict[str, str]:
    """Return the environment of a cell's process: its threads, how they wait for one another, and what they cache.

    Threads that spin while they wait halve the time of small steps where nothing else runs; as soon as something
    else takes a core, they cost many times what they save. So they sleep; only if the cores are idle when the cell
    begins, they spin for some microseconds first. Only the times depend on it.
    """
    count = str(threads)
    return {
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": str(SPINS) if idle_cores() > threads - IDLE_ENOUGH else "0",
        "KMP_BLOCKTIME": "0",
        "ONEDNN_PRIMITIVE_CACHE_CAPACITY": str(PRIMITIVES),
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONHASHSEED": "0",
    }


def idle_cores(seconds: float = 0.2) -> float:
    """Return how many cores were idle over the next moment; 0 where the system does not report it."""
    before = _core_times()
    time.sleep(seconds)
    idle, total = (after - first for after, first in zip(_core_times(), before, strict=True))
    return (os.cpu_count() or 1) * idle / total if total else 0.0


def _core_times() -> tuple[int, int]:
    """Return the time that the cores were idle, and all their time, since the machine started (1/100 s)."""
    try:
        cores = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0].split()[1:9]
    except OSError:  # not Linux
        return 0, 0
    times = [int(field) for field in cores]  # user, nice, system, idle, iowait, irq, softirq, steal
    return times[3] + times[4], sum(times)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def available_memory() -> float:
    """Return the bytes of memory that programs may still take; infinite where the system does not report them.

    In a container with a limit, it is the rest of this limit, if the machine has more.
    """
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:  # not Linux
        return math.inf
    free = (1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    return min(next(free, math.inf), memory_left())


def _memory() -> int:
    """Return the bytes of memory of this machine; 0 where the system does not report them."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
