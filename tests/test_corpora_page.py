"""The page on corpora: its example of a format and a scheme passes the conformance checks that it prints."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from lmcompare.corpora import conformance

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[1] / "docs" / "corpora.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_example_passes_its_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = (block for block in BLOCKS if block.startswith("# verse_format.py\n"))
    (checks,) = (block for block in BLOCKS if "check_format(" in block)
    assert checks.count("assert ") == 2
    (tmp_path / "verse_format.py").write_text(example)
    monkeypatch.chdir(tmp_path)
    exec(compile(checks, "checks", "exec"), {})


def test_the_table_names_every_check() -> None:
    table = PAGE.partition("| check | what it asks |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `([a-z-]+)`", table, re.MULTILINE)) == set(
        re.findall(r'"((?:reads|same|refuses|survives)-[a-z]+)["\W]', inspect.getsource(conformance))
        + re.findall(r'"((?:reads|same|survives)-[a-z]+): ', inspect.getsource(conformance))
    )
