"""The commit of a run is that of the clone with the very same code."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import lmcompare
from lmcompare.harness.manifest import commit


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="no git on the PATH: install git")
def test_a_commit_is_named_only_if_the_code_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "lmcompare"
    package.mkdir()
    (package / "__init__.py").write_text("VALUE = 1\n", encoding="utf-8")
    (package / "a name é.txt").write_bytes(b"\r\n")
    monkeypatch.setattr(lmcompare, "__file__", str(package / "__init__.py"))
    monkeypatch.setattr(
        "lmcompare.harness.manifest.distribution", lambda name: type("D", (), {"read_text": lambda *_: ""})
    )
    assert commit() == ""
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    assert commit() == git(tmp_path, "rev-parse", "HEAD")
    (package / "__init__.py").write_text("VALUE = 2\n", encoding="utf-8")
    assert commit() == ""
