"""Synthetic runs, their reports built once, for all tests of the report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from lmcompare.analysis import Run, load_run
from lmcompare.render.templating import asset
from lmcompare.report.data import Model
from lmcompare.report.write import write_joined_report, write_reports
from lmcompare.studies.live.section import ENGINE
from tests.made import made
from tests.report.browser import executable, visit
from tests.report.tree import Node, parse
from tests.run_folder import edit, made_run_folder, write_report, write_run_folder


@pytest.fixture(scope="session")
def folder() -> Path:
    """A run folder of eight models and two seeds, with its report."""
    return made("report", lambda path: write_report(write_run_folder(path)))


@pytest.fixture(scope="session")
def run() -> Run:
    """The run of this folder; no report need be written for it."""
    return load_run(made_run_folder())


@pytest.fixture(scope="session")
def models() -> dict[str, Model]:
    """Models of which no more is asked than names and seeds; without a run."""
    names = ("unigram", "ngram", "word2vec-bow", "rnn-attention", "transformer", "char-transformer", "leaky")

    def entry(name: str) -> Any:
        return SimpleNamespace(name=name, title=name, seeds=(0,), failed=(), failed_checks=(), traits={})

    return {name: Model(entry(name), at, name, name) for at, name in enumerate(names)}


@pytest.fixture(scope="session")
def page(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def tree(page: str) -> Node:
    return parse(page)


@pytest.fixture(scope="session")
def markdown(folder: Path) -> str:
    return (folder / "report.md").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def runs() -> dict[str, Path]:
    """Two runs on one text, and one on another."""
    root = made("runs", _write_runs)
    return {name: root / name for name in ("counts", "neural", "else")}


def _write_runs(root: Path) -> None:
    few: dict[str, Any] = {"seeds": (0,), "documents": 8}
    write_run_folder(root / "counts", models=("unigram", "ngram"), **few)
    write_run_folder(root / "neural", models=("transformer", "char-transformer"), **few)
    write_run_folder(root / "else", seed=5, models=("unigram", "ngram", "leaky"), **few)
    for path in root.iterdir():
        edit(path, name=path.name, command=f"lmcompare run {path.name}.toml")


@pytest.fixture(scope="session")
def apart(runs: dict[str, Path]) -> Path:
    """The report of all three ``runs``."""
    return made("apart", lambda path: write_joined_report(list(runs.values()), path / "out")) / "out"


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


@pytest.fixture
def engine(browser: Browser) -> Page:
    """A page in which the engine's classes can be used."""
    page = browser.new_page()
    for name in ENGINE:
        page.add_script_tag(content=asset(name, "lmcompare.studies.live"))
    return page


@pytest.fixture
def report(browser: Browser, folder: Path) -> Page:
    """The page freshly opened, wide and light."""
    return visit(browser, folder / "report.html")


@pytest.fixture(scope="session")
def folder_of_tokens() -> Path:
    """A run of two models that have the same tokens, with its report."""
    kind: dict[str, Any] = {"models": ("unigram", "ngram"), "failed": (), "invalid": (), "seeds": (0,)}
    return made("tokens", lambda path: write_reports(write_run_folder(path, **kind)))


@pytest.fixture
def of_tokens(browser: Browser, folder_of_tokens: Path) -> Page:
    """A page of models that all have the same tokens."""
    return visit(browser, folder_of_tokens / "report.html")
