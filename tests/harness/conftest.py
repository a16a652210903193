"""A small text and plug-ins for runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.small import write_plugins, write_text


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    write_text(folder)
    write_plugins(folder)
    return folder
