"""What many tests read is made once for all processes of the tests; a test that changes it takes a copy."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

_FOLDER = "LMCOMPARE_TESTS_MADE"  # its value reaches the workers, which the first process starts

if _FOLDER not in os.environ:
    os.environ[_FOLDER] = tempfile.mkdtemp(prefix="lmcompare-tests-")
    atexit.register(shutil.rmtree, os.environ[_FOLDER], ignore_errors=True)
os.environ["LMCOMPARE_CACHE"] = str(Path(os.environ[_FOLDER], "cache"))  # embedded texts are read once


def made(name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder of this name; ``make`` fills it in the first process that asks, while the others wait.

    It stands alone in a folder, since a report names those beside its own.
    """
    folder = Path(os.environ[_FOLDER], name)
    folder.mkdir(exist_ok=True)
    path, done = folder / name, folder / "done"
    with FileLock(folder / "lock"):
        if not done.exists():
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
            make(path)
            done.touch()
    return path
