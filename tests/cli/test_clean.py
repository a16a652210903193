"""``lmcompare clean``: what it removes, and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.console import lmcompare
from tests.harness.small import write_plugins, write_text

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]

RUN = ("run", "--corpus", "text.txt", "--documents", "line", "--device", "cpu", "--out", "out", "--quiet")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a run of two models, and a third that was interrupted."""
    write_text(tmp_path)
    write_plugins(tmp_path)
    assert lmcompare(*RUN, "--model", "unigram,ngram", cwd=tmp_path).returncode == 0
    (tmp_path / "stop").touch()
    assert lmcompare(*RUN, "--model", "plugins.py:Stops", "--tokens", "char", cwd=tmp_path).returncode == 130
    return tmp_path


def names(place: Path) -> set[str]:
    return {model["name"] for model in json.loads((place / "out/results.json").read_text())["models"]}


def test_a_named_model_is_removed_with_all_its_seeds(place: Path) -> None:
    assert lmcompare(*RUN, "--model", "ngram", "--seed", "1", cwd=place).returncode == 0
    done = lmcompare("clean", "out", "ngram", cwd=place)
    assert done.returncode == 0, done.stderr
    said = done.stdout.replace("\N{NO-BREAK SPACE}", " ").splitlines()
    assert [line.split(" (")[0] for line in said[:2]] == ["removed cells/ngram/0", "removed cells/ngram/1"]
    assert said[2].endswith("B freed.")
    assert said[3] == "The report: out/report.html"
    assert not (place / "out/cells/ngram").exists()
    assert names(place) == {"unigram"}
    assert [m["name"] for m in json.loads((place / "out/manifest.json").read_text())["models"]] == ["unigram"]
    # it can be trained again
    assert lmcompare(*RUN, "--model", "ngram", cwd=place).returncode == 0
    assert names(place) == {"unigram", "ngram"}


def test_without_a_name_what_is_unfinished_is_removed(place: Path) -> None:
    done = lmcompare("clean", "out", cwd=place)
    assert done.returncode == 0, done.stderr
    removed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("removed")]
    assert removed[0] == "cells/Stops/0"
    assert [path.rpartition("/")[0] for path in removed[1:]] == ["tokens"]  # of its characters
    assert len(list((place / "out/tokens").iterdir())) == 1
    assert names(place) == {"unigram", "ngram"}
    done = lmcompare("clean", "out", cwd=place)
    assert (done.returncode, done.stdout) == (0, "There is nothing to remove.\n")


def test_a_wrong_name_removes_nothing(place: Path) -> None:
    before = sorted((place / "out").rglob("*"))
    done = lmcompare("clean", "out", "unigram", "ngarm", cwd=place)
    assert done.returncode == 2
    assert done.stderr == "lmcompare: out: unknown model 'ngarm' (did you mean 'ngram'?)\n"
    assert sorted((place / "out").rglob("*")) == before
    for folder in (".", "nowhere"):
        done = lmcompare("clean", folder, cwd=place)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "is not a run folder" in done.stderr


def test_the_last_model_takes_the_report_with_it(place: Path) -> None:
    (place / "out/tables").mkdir()  # not lmcompare's here
    done = lmcompare("clean", "out", "ngram,unigram", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "no model is left in out" in done.stderr
    left = {path.name for path in (place / "out").iterdir() if not path.name.startswith(".")}
    assert left == {"cells", "tokens", "tables"}
    assert lmcompare(*RUN, "--model", "ngram", cwd=place).returncode == 0
    assert names(place) == {"ngram"}


def test_cells_on_a_text_that_the_folder_had_before_go(place: Path) -> None:
    write_text(place, 70, "text.txt")
    assert lmcompare(*RUN, "--model", "unigram", cwd=place).returncode == 2
    assert lmcompare(*RUN, "--model", "unigram", "--force", cwd=place).returncode == 0
    assert names(place) == {"unigram"}
    assert (place / "out/cells/ngram/0/scores.parquet").is_file()
    done = lmcompare("clean", "out", cwd=place)
    assert "removed cells/ngram/0 (" in done.stdout
    assert len(list((place / "out/tokens").iterdir())) == 1
    assert names(place) == {"unigram"}
