"""Records which functions of the package each test calls: a plug-in of pytest, and the probe in each function.

``planted_faults.py reach`` puts this file on the path of the tests. A probe at the beginning of each function calls
:func:`hit`, in the process of the test and in all processes that the test starts. Each process writes a file: a line
``@ TEST`` or ``@ fixture NAME BASE``, and below it the numbers of the functions that were called.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from typing import Any

import pytest

FOLDER, WHERE = "LMCOMPARE_REACH", "LMCOMPARE_REACH_IN"
_open = open  # a test may give Python another
_seen: set[int] = set()
_begun: int | None = None  # the process that has written where it is
_of_tests = False  # this process runs tests, and was not started by one


def _write(line: str) -> None:
    """Write a line. The file is closed again: a process that is forked gives its open files other meanings."""
    global _begun
    with _open(f"{os.environ[FOLDER]}/{os.getpid()}.txt", "a", encoding="utf-8") as file:
        if _begun != os.getpid():
            _begun = os.getpid()
            file.write(f"+ {os.environ.get(WHERE, '')}\n")
        file.write(f"{line}\n")


def hit(function: int) -> None:
    """Record once that the running test, or the fixture that is being made, calls a function."""
    if function not in _seen:
        _seen.add(function)
        if not _of_tests and FOLDER in os.environ:
            _write(str(function))


def _move(where: str) -> None:
    if _seen:
        _write("\n".join(map(str, sorted(_seen))))
    os.environ[WHERE] = where
    _seen.clear()
    _write(f"@ {where}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    global _of_tests
    _of_tests = True
    _move(item.nodeid)
    _write("= " + json.dumps(sorted(getattr(item, "fixturenames", []))))
    result = yield
    _move("")
    return result


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any, request: Any) -> Generator[None, Any, Any]:
    before = os.environ.get(WHERE, "")
    if fixturedef.scope != "function":
        _move(f"fixture {fixturedef.argname} {fixturedef.baseid}")
    try:
        return (yield)
    finally:
        if fixturedef.scope != "function":
            _move(before)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if _of_tests:
        _write("! " + json.dumps([report.nodeid, report.when, report.duration, report.outcome]))
