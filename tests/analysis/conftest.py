"""A synthetic run folder, written once, and copies of it to break."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lmcompare.analysis import Run, load_run
from tests.run_folder import write_run_folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two seeds, a second tokenizer, a model that fails its truth checks and one that crashed."""
    return write_run_folder(tmp_path_factory.mktemp("synthetic"))


@pytest.fixture(scope="session")
def run(folder: Path) -> Run:
    return load_run(folder)


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(folder, tmp_path / "run"))
