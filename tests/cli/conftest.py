"""A finished run, whose folder is the working directory of the commands."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.console import lmcompare_process
from tests.harness.small import write_plugins, write_text


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    write_text(folder)
    write_plugins(folder)
    done = lmcompare_process(
        *("run", "--corpus", "text.txt", "--documents", "line", "--model", "unigram,ngram", "--prompt", "the cat"),
        *("--device", "cpu", "--out", "run"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    assert "report.html" in done.stdout
    assert "ngram: training" in done.stderr
    return folder


@pytest.fixture(scope="module")
def place(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(finished, tmp_path_factory.mktemp("cli") / "place"))
