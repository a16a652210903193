"""A finished run, whose folder is the working directory of the commands."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.console import RUN, lmcompare
from tests.harness.small import write_plugins, write_text
from tests.made import made


@pytest.fixture(scope="module")
def finished(cells_here: None) -> Path:
    """A folder with a text, plug-ins and a run of two models, made once: it must not be changed."""

    def make(place: Path) -> None:
        write_text(place)
        write_plugins(place)
        done = lmcompare(*RUN, "--model", "unigram,ngram", "--prompt", "the cat", "--out", "run", cwd=place)
        assert done.returncode == 0, done.stderr
        assert "The report: run/report.html" in done.stdout
        assert "ngram: training" in done.stderr

    return made("cli", make)


@pytest.fixture(scope="module")
def place(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy for the tests of a file, which add to it."""
    return Path(shutil.copytree(finished, tmp_path_factory.mktemp("cli") / "place"))


@pytest.fixture
def own(finished: Path, tmp_path: Path) -> Path:
    """A copy for one test, which changes it."""
    return Path(shutil.copytree(finished, tmp_path / "own"))
