"""One synthetic run, its report built once, for all tests of the report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from lmcompare.analysis import Run, load_run
from lmcompare.report import write_report
from tests.report.browser import executable
from tests.report.tree import Node, parse
from tests.run_folder import write_run_folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of eight models and two seeds, with its report."""
    path = write_run_folder(tmp_path_factory.mktemp("run") / "synthetic")
    write_report(path)
    return path


@pytest.fixture(scope="session")
def run(folder: Path) -> Run:
    return load_run(folder)


@pytest.fixture(scope="session")
def page(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def tree(page: str) -> Node:
    return parse(page)


@pytest.fixture(scope="session")
def markdown(folder: Path) -> str:
    return (folder / "report.md").read_text(encoding="utf-8")


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser; it ends with these tests, as no event loop can be started elsewhere while Playwright runs."""
    path = executable()
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=path) as opened:
        yield opened


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """The browser; its pages are closed after each test."""
    yield chromium
    for context in chromium.contexts:
        context.close()
