"""What the keys of forecasts depend on."""

from __future__ import annotations

import shutil
from pathlib import Path

import lmcompare
from lmcompare.harness.classics import CODE
from lmcompare.plugins import own_code

PACKAGE = Path(lmcompare.__file__).parent


def test_the_code_that_makes_forecasts_is_in_their_keys(tmp_path: Path) -> None:
    for room in ("harness", "measure", "exhibits", "corpora", "runfolder"):
        shutil.copytree(PACKAGE / room, tmp_path / room)
    shutil.copy(PACKAGE / "forecasting.py", tmp_path)
    for code, counts in (
        (CODE, ("forecasting.py", "harness/classics.py", "measure/series.py", "corpora/series/grid.py")),
    ):
        assert own_code(*code, package=tmp_path) == own_code(*code)
        for name in (*counts, "harness/run.py"):
            written = (tmp_path / name).read_bytes()
            (tmp_path / name).write_bytes(written + b"# changed\n")
            assert (own_code(*code, package=tmp_path) != own_code(*code)) == (name != "harness/run.py")
            (tmp_path / name).write_bytes(written)
