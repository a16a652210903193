"""What a job's keys depend on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import lmcompare
from lmcompare.harness.job import EXAMPLES_CODE
from lmcompare.plugins import own_code

PACKAGE = Path(lmcompare.__file__).parent


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ("harness/examples.py", True),
        ("harness/page_copy.py", True),
        ("measure/influence.py", True),
        ("exhibits/attention.py", True),
        ("corpora/series/grid.py", True),
        ("runfolder/layout.py", True),
        ("harness/run.py", False),
    ],
)
def test_the_code_that_makes_examples_is_in_their_key(tmp_path: Path, changed: str, counts: bool) -> None:
    for room in ("harness", "measure", "exhibits", "corpora", "runfolder"):
        shutil.copytree(PACKAGE / room, tmp_path / room)
    before = own_code(*EXAMPLES_CODE, package=tmp_path)
    assert before == own_code(*EXAMPLES_CODE)
    with (tmp_path / changed).open("a") as file:
        file.write("# changed\n")
    assert (own_code(*EXAMPLES_CODE, package=tmp_path) != before) == counts
