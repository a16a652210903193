"""Which files the source of a plug-in is made of."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from lmcompare.model import LanguageModel
from lmcompare.plugins import MODELS
from lmcompare.registry import Registry, source_of

ANY: Registry[type] = Registry("tests.any", "class", lambda found, name: found)
OWN = """
import json
from typing import TYPE_CHECKING

from own_config import WIDTH
import own_before.last

if TYPE_CHECKING:
    from kinds import Kind


class Mine:
    def fit(self):
        try:
            from late import learnt
        finally:
            return learnt
"""
FILES = {
    "own.py": OWN,
    "own_config.py": "WIDTH = 3  # of config",
    "late.py": "from later import *  # of late",
    "later.py": "learnt = 1  # of later",
    "own_before/__init__.py": "# of before",
    "own_before/last.py": "from .first import ONE  # of last",
    "own_before/first.py": "ONE = 1  # of first",
    "kinds.py": "# of kinds",
    "alone.py": "# of alone",
}


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text + "\n")


def test_of_a_file_all_that_it_imports_from_its_folder_counts(tmp_path: Path) -> None:
    place = tmp_path / "files"
    write(place, FILES)
    source = source_of([ANY.resolve(f"{place / 'own.py'}:Mine")]).decode()
    assert set(re.findall("# of (.*)", source)) == {"config", "late", "later", "last", "first"}
    assert source.count("class Mine") == 1


def test_of_a_package_its_own_modules_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "packaged"
    files = {
        "__init__.py": "SHARED = 2  # of the package",
        "own.py": "from . import SHARED, beside\nfrom .inner.sizes import WIDE\n\n\nclass Mine: ...",
        "beside.py": "# of beside",
        "inner/__init__.py": "# of inner",
        "inner/sizes.py": "from ..upper import UP\nWIDE = 5  # of sizes",
        "upper.py": "UP = 1  # of upper",
        "alone.py": "# of alone",
    }
    write(place, files)
    monkeypatch.syspath_prepend(str(tmp_path))
    cls = importlib.import_module("packaged.own").Mine
    before = source_of([cls])
    assert set(re.findall("# of (.*)", before.decode())) == {"the package", "beside", "sizes", "upper"}
    (place / "upper.py").write_text("UP = 2\n")
    assert source_of([cls]) != before


def test_of_a_model_of_lmcompare_what_it_imports_late_counts() -> None:
    source = source_of([MODELS.resolve("ppm")]).decode()
    package = Path(importlib.import_module("lmcompare").__file__ or "").parent
    for place in ("counts/suffixes.py", "counts/table.py", "models/ppm/plugin.py"):
        assert (package / place).read_text(encoding="utf-8") in source
    assert (package / "cli" / "app.py").read_text(encoding="utf-8") not in source


def test_a_class_without_a_file_has_the_name_of_its_module() -> None:
    class Made(LanguageModel): ...

    Made.__module__ = "builtins"
    assert source_of([Made]) == b"builtins"
