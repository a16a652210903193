"""What the keys of jobs and of forecasts depend on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import lmcompare
from lmcompare.harness.classics import CODE
from lmcompare.harness.job import EXAMPLES_CODE
from lmcompare.plugins import own_code

PACKAGE = Path(lmcompare.__file__).parent


@pytest.mark.parametrize(
    ("code", "changed", "counts"),
    [
        (EXAMPLES_CODE, "harness/examples.py", True),
        (EXAMPLES_CODE, "harness/page_copy.py", True),
        (EXAMPLES_CODE, "measure/influence.py", True),
        (EXAMPLES_CODE, "exhibits/attention.py", True),
        (EXAMPLES_CODE, "corpora/series/grid.py", True),
        (EXAMPLES_CODE, "corpora/series/values.py", True),
        (EXAMPLES_CODE, "runfolder/layout.py", True),
        (EXAMPLES_CODE, "harness/run.py", False),
        (CODE, "forecasting/ets.py", True),
        (CODE, "harness/classics.py", True),
        (CODE, "measure/steps.py", True),
        (CODE, "corpora/series/values.py", True),
        (CODE, "harness/run.py", False),
    ],
)
def test_the_code_that_makes_examples_and_forecasts_is_in_their_keys(
    tmp_path: Path, code: tuple[str, ...], changed: str, counts: bool
) -> None:
    for room in ("harness", "measure", "exhibits", "corpora", "runfolder", "forecasting"):
        shutil.copytree(PACKAGE / room, tmp_path / room)
    before = own_code(*code, package=tmp_path)
    assert before == own_code(*code)
    with (tmp_path / changed).open("a") as file:
        file.write("# changed\n")
    assert (own_code(*code, package=tmp_path) != before) == counts
