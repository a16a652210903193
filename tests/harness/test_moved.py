"""A run folder that is moved or removed while the run is going on, and what is put in its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lmcompare.errors import LmcompareError
from lmcompare.harness.run import run
from lmcompare.runfolder.guards import locked
from tests.harness.small import small_experiment, write_text

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]

PLUGIN = """
import shutil
from pathlib import Path
from lmcompare.models.unigram import Unigram

class Moves(Unigram):
    def __init__(self, folder="", put=""):
        self.folder, self.put = folder, put

    def fit(self, train, valid, setting):
        Path(self.folder).rename(self.folder + ".moved")
        if self.put == "file":
            Path(self.folder).write_text("mine")
        elif self.put == "link":
            Path(self.folder).symlink_to(self.folder + ".other")
        elif self.put == "folder":
            shutil.copytree(self.folder + ".other", self.folder)
        return super().fit(train, valid, setting)
"""
MINE = ("report.html", "results.csv", "manifest.json", "checksums.json", "cells/x")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("put", ["nothing", "file", "link", "folder"])
def test_what_is_put_in_place_of_a_moved_run_folder_is_left(tmp_path: Path, put: str) -> None:
    write_text(tmp_path)
    (tmp_path / "moves.py").write_text(PLUGIN)
    out, other = tmp_path / "out", tmp_path / "out.other"
    for name in MINE:
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        (other / name).write_text("mine")
    moves = {"plugin": "moves.py:Moves", "folder": str(out), "put": put}
    with pytest.raises(LmcompareError, match="was moved, replaced or removed while"):
        run(small_experiment({"plugin": "ngram"}, moves, {"plugin": "unigram"}), out, base=tmp_path)
    assert contents(other) == dict.fromkeys(MINE, b"mine")
    if put == "file":
        assert out.read_text() == "mine"
    elif put == "link":
        assert os.readlink(out) == str(other)
    elif put == "folder":
        assert contents(out) == contents(other)
    else:
        assert not out.exists()
    moved = tmp_path / "out.moved"
    assert (moved / "cells" / "ngram" / "0" / "cell.json").exists()
    if put == "nothing":
        assert not run(small_experiment({"plugin": "ngram"}, {"plugin": "unigram"}), moved, base=tmp_path).failures


def test_a_run_folder_whose_parent_is_moved_is_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here" / "run").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    with locked(Path("run")) as see_that_it_is_there:
        see_that_it_is_there()
        (tmp_path / "here").rename(tmp_path / "there")
        with pytest.raises(LmcompareError, match="run was moved, replaced or removed"):
            see_that_it_is_there()
