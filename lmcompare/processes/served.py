"""What a process does in which a function is called."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lmcompare.errors import LmcompareError, what_went_wrong

PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>
PARENT = "LMCOMPARE_PARENT"  # the environment variable with the id of the process that started a child
MARK = "LMCOMPARE_MARKS"  # and the one with the marks of all processes between the first and this one


def environment_of(mark: str, variables: Mapping[str, str] | None) -> dict[str, str]:
    """Return the environment of a process that this one starts: its own, with other variables and one more mark."""
    marks = f"{os.environ.get(MARK, '')} {mark}".strip()
    return {**os.environ, **(variables or {}), PARENT: str(os.getpid()), MARK: marks}


def serve() -> None:
    """Call the function of the job file that the command line names: what a process does that was started for it."""
    end_quickly()
    serve_job(Path(sys.argv[1]))


def end_quickly() -> None:
    """End this process right after plug-ins' exit functions: tearing down all modules takes up to half a second."""
    atexit.register(os._exit, 0)


def serve_job(path: Path) -> None:
    """Call the function of a job file."""
    end_with(int(os.environ[PARENT]))
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # as for other signals: KeyboardInterrupt would blame the plug-in
    job = json.loads(path.read_text(encoding="utf-8"))
    if job["memory"] is not None:
        _limit_memory(job["memory"])
    with os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8") as channel:
        os.dup2(2, 1)  # what the function prints goes to standard error
        sys.stdout = sys.stderr

        def send(kind: str, value: Any) -> None:
            print(json.dumps([kind, value], default=_plain), file=channel)

        try:
            module, _, name = job["function"].partition(":")
            function = getattr(importlib.import_module(module), name)
            send("returned", function(lambda event: send("event", event), *job["arguments"]))
        except BaseException as error:  # whatever a plug-in raises, SystemExit included
            if job["traceback"]:
                with contextlib.suppress(OSError):  # the disk may be full: the error must be sent anyway
                    traceback.print_exc()
            expected = isinstance(error, LmcompareError)
            send("raised", {"sentence": str(error) if expected else what_went_wrong(error), "expected": expected})
            sys.exit(1)


def _limit_memory(size: int) -> None:
    """Limit this process, and each process that it starts, to this many bytes of memory, without mapped files."""
    if sys.platform == "linux":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        size = size if hard == resource.RLIM_INFINITY else min(size, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (size, hard))


def end_with(parent: int) -> None:
    """End this process as soon as its parent is gone, even if it is gone already.

    On Linux the kernel does it; elsewhere a thread looks every half second.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    if os.getppid() != parent:
        os._exit(1)
    threading.Thread(target=watch, daemon=True).start()


def _plain(value: Any) -> Any:
    """Return a numpy or torch scalar as a Python number, anything else as text."""
    return value.item() if hasattr(value, "item") else str(value)
