"""Shared by all tests: the tests are a package of their own, and what is tested is the installed lmcompare."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

# One thread for each process: the processes share the cores. Set before anything loads a library with threads.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import pytest
from hypothesis import settings

from lmcompare import plugins
from lmcompare.analysis import Run, load_run
from lmcompare.conformance import worker
from lmcompare.errors import LmcompareError, what_went_wrong
from lmcompare.harness import plan
from lmcompare.harness import runner as cells
from lmcompare.harness.cells.job import Job
from lmcompare.harness.environment import usable_cores
from lmcompare.harness.text import reading
from lmcompare.lab import run as runner
from lmcompare.model import LanguageModel
from lmcompare.processes import Emit, RaisedError

# At the end of the path, so that an installed lmcompare goes before the checkout's.
sys.path.append(str(Path(__file__).parents[1]))

# A shell that starts the tests in the background tells them to ignore Ctrl-C, and they would tell their children.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Threads that spin while they wait slow the tests many times over as soon as something else needs a core.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

# What was asked of this run of the tests is not asked of those that tests start.
os.environ.pop("PYTEST_ADDOPTS", None)

# The first tier draws the same few examples each time; .ci/full asks for the profile "full" and prints its seed.
settings.register_profile("first", deadline=None, derandomize=True, max_examples=15)
settings.register_profile("full", deadline=None, max_examples=500, print_blob=True)
settings.load_profile("first")

FULL = Path(__file__).parent / "full"  # the second tier
TERMINAL = (
    *("TERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "PY_COLORS"),
    *("TTY_COMPATIBLE", "TTY_INTERACTIVE", "TERMINAL_WIDTH", "GITHUB_ACTIONS"),
)


def pytest_sessionstart() -> None:
    """What the terminal is like is up to the tests; pytest has found out by now whether it prints in colour."""
    import_module("tests.made")  # sets the folder of the cache
    for name in TERMINAL:
        os.environ.pop(name, None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """A process for each core that may be used; none for a single file, whose tests stay together anyway."""
    files = {str(argument).partition("::")[0] for argument in config.args}
    if len(files) == 1 and all(file.endswith(".py") for file in files):
        return 0
    return usable_cores()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config) -> None:
    config.option.loadscopereorder = False  # by their number of tests, which says little of their time


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that no process ends with one of them while the others wait."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The second tier is left out, unless an argument of pytest names it or a part of it."""
    asked = [Path(str(argument).partition("::")[0]).resolve() for argument in config.args]
    return True if collection_path == FULL and not any(path.is_relative_to(FULL) for path in asked) else None


@pytest.fixture(scope="session")
def folder() -> Path:
    """A run with two seeds, a second tokenizer, a model that fails its truth checks and one that crashed."""
    from tests.run_folder import made_run_folder

    return made_run_folder()


@pytest.fixture(scope="session")
def run(folder: Path) -> Run:
    return load_run(folder)


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(folder, tmp_path / "run"))


@pytest.fixture
def no_nohup() -> Iterator[None]:
    """Processes of the test heed SIGHUP, though the tests may be started with nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def called_here(function: str, *arguments: Any, seconds: float, on_event: Emit | None = None, **_: Any) -> Any:
    """Call a function as ``lmcompare.processes.call`` does, in this process."""
    assert seconds > 0
    module, name = function.split(":")
    try:
        return getattr(import_module(module), name)(on_event, *json.loads(json.dumps(arguments)))
    except (Exception, SystemExit) as error:
        expected = isinstance(error, LmcompareError)
        raise RaisedError(str(error) if expected else what_went_wrong(error), expected) from error


@pytest.fixture(scope="module")
def cells_here() -> Iterator[None]:
    """A run does all in this process, where its others are not what is tested: to start one takes seconds."""

    one = cells._run_one

    def here(job: Job, live: LanguageModel | None, *rest: Any) -> str | None:
        return one(job, live or plugins.build(job.plugin, job.hyperparameters), *rest)

    with (
        patch.object(cells, "_run_one", here),
        patch.object(plan, "call", called_here),
        patch.object(reading, "call", called_here),
    ):
        yield


@pytest.fixture
def measured_here() -> Iterator[None]:
    """Experiments of the laboratory are measured, and models probed, in this process."""
    with (
        patch.object(runner, "call", called_here),
        patch.object(cells, "call", called_here),
    ):
        yield


@pytest.fixture(scope="module")
def checks_here() -> Iterator[None]:
    """The checks of ``lmcompare check`` run in this process."""

    def here(function: str, *arguments: Any, on_event: Emit, **_: Any) -> None:
        worker.run(on_event, *arguments)

    with patch.object(worker, "call", here):
        yield
