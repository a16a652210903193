"""``lmcompare clean``: what it removes, and what it says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.console import RUN, lmcompare
from tests.harness.small import write_text
from tests.made import made

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]

AGAIN = (*RUN, "--out", "run", "--quiet")


@pytest.fixture
def place(finished: Path, tmp_path: Path) -> Path:
    """A folder with a run of two models, and a third that was interrupted."""

    def make(place: Path) -> None:
        shutil.copytree(finished, place, dirs_exist_ok=True)
        (place / "stop").touch()
        assert lmcompare(*AGAIN, "-m", "plugins.py:Stops", "--tokens", "char", cwd=place).returncode == 130

    return Path(shutil.copytree(made("cli-interrupted", make), tmp_path / "place"))


def names(place: Path) -> set[str]:
    return {model["name"] for model in json.loads((place / "run/results.json").read_text())["models"]}


def test_a_named_model_is_removed_with_all_its_seeds(place: Path) -> None:
    shutil.copytree(place / "run/cells/ngram/0", place / "run/cells/ngram/1")
    done = lmcompare("clean", "run", "ngram", cwd=place)
    assert done.returncode == 0, done.stderr
    said = done.stdout.replace("\N{NO-BREAK SPACE}", " ").splitlines()
    assert [line.split(" (")[0] for line in said[:2]] == ["removed cells/ngram/0", "removed cells/ngram/1"]
    assert said[2].endswith("B freed.")
    assert said[3] == "The report: run/report.html"
    assert not (place / "run/cells/ngram").exists()
    assert names(place) == {"unigram"}
    assert [m["name"] for m in json.loads((place / "run/manifest.json").read_text())["models"]] == ["unigram"]


def test_without_a_name_what_is_unfinished_is_removed(place: Path) -> None:
    done = lmcompare("clean", "run", cwd=place)
    assert done.returncode == 0, done.stderr
    removed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("removed")]
    assert removed[0] == "cells/Stops/0"
    assert [path.rpartition("/")[0] for path in removed[1:]] == ["tokens"]  # of its characters
    assert len(list((place / "run/tokens").iterdir())) == 1
    assert names(place) == {"unigram", "ngram"}
    done = lmcompare("clean", "run", cwd=place)
    assert (done.returncode, done.stdout) == (0, "There is nothing to remove.\n")


def test_a_wrong_name_removes_nothing(place: Path) -> None:
    before = sorted((place / "run").rglob("*"))
    done = lmcompare("clean", "run", "unigram", "ngarm", cwd=place)
    assert done.returncode == 2
    assert "did you mean 'ngram'" in done.stderr
    assert sorted((place / "run").rglob("*")) == before
    for folder in (".", "nowhere"):
        done = lmcompare("clean", folder, cwd=place)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "is not a run folder" in done.stderr


def test_the_last_model_takes_the_report_with_it(place: Path) -> None:
    (place / "run/tables").mkdir()  # not lmcompare's here
    done = lmcompare("clean", "run", "ngram,unigram", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "no model is left in run" in done.stderr
    left = {path.name for path in (place / "run").iterdir() if not path.name.startswith(".")}
    assert left == {"cells", "read.json", "tokens", "tables"}
    assert lmcompare(*AGAIN, "--model", "unigram", cwd=place).returncode == 0  # it can be trained again
    assert names(place) == {"unigram"}


def test_cells_on_a_text_that_the_folder_had_before_go(place: Path) -> None:
    write_text(place, 70, "text.txt")
    assert lmcompare(*AGAIN, "--model", "unigram", cwd=place).returncode == 2
    assert lmcompare(*AGAIN, "--model", "unigram", "--force", cwd=place).returncode == 0
    assert names(place) == {"unigram"}
    assert (place / "run/cells/ngram/0/scores.parquet").is_file()
    done = lmcompare("clean", "run", cwd=place)
    assert "removed cells/ngram/0 (" in done.stdout
    assert len(list((place / "run/tokens").iterdir())) == 1
    assert names(place) == {"unigram"}
