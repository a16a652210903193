"""A small text and plug-ins for runs, and a finished run of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.small import made_run, write_plugins, write_text


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the text and the plug-ins."""
    write_text(tmp_path)
    write_plugins(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def finished(cells_here: None) -> Path:
    """The same, with a run of three models, which must not be changed."""
    return made_run()
