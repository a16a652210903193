"""``lmcompare report``, and what commands say of damaged run folders."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.console import RUN, lmcompare

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]


def test_report_is_built_from_the_folder_alone(place: Path) -> None:
    (place / "run" / "report.html").unlink()
    done = lmcompare("report", "run", cwd=place)
    assert (done.returncode, done.stdout) == (0, "run/report.html\n"), done.stderr
    assert (place / "run" / "report.html").is_file()


def test_a_report_of_several_runs(place: Path) -> None:
    assert lmcompare(*RUN, "--lowercase", "--model", "unigram", "--out", "small", cwd=place).returncode == 0
    done = lmcompare("report", "run", "small", "--out", "both", cwd=place)
    assert (done.returncode, done.stdout) == (0, "both/report.html\n"), done.stderr
    assert "lower case here, unchanged there" in (place / "both" / "report.md").read_text()
    into = lmcompare("run", "--corpus", "text.txt", "--model", "unigram", "--out", "both", cwd=place)
    assert (into.returncode, into.stderr.count("\n")) == (2, 1)  # before the text is read
    assert "both holds a report of several runs" in into.stderr
    again = lmcompare("report", "small", "run", cwd=place)
    assert (again.returncode, again.stdout) == (0, "reports/joined/report.html\n"), again.stderr


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (("run", "run", "--out", "run"), "run is given twice"),
        (("run", "copy", "--out", "run"), "run contains other files"),
        (("run", "copy", "--out", "run/cells/both"), "both is among the files of the run in"),
        (("run", "nowhere"), "nowhere is not a folder"),
        (("run", "copy", "--live", "none"), "for the report of one run"),
        (("run", "--live", "none", "--live-text"), "--live none leaves the training text out"),
        (("run", "--live", "full"), "takes only --live none"),
        (("run", "--out", "both"), "--out is for a report of several runs"),
    ],
)
def test_what_is_wrong_is_said(place: Path, arguments: tuple[str, ...], wrong: str) -> None:
    if not (place / "copy").exists():
        shutil.copytree(place / "run", place / "copy")
    done = lmcompare("report", *arguments, cwd=place)
    assert done.returncode == 2
    assert wrong in done.stderr
    assert done.stderr.count("\n") == 1


def test_files_that_are_damaged_are_said(own: Path) -> None:
    (own / "run/cells/unigram/0/model/arrays.safetensors").write_bytes(b"x")
    done = lmcompare("report", "run", cwd=own)
    assert done.returncode == 0
    assert "the trained model of unigram/0 can't be used any more, only its figures (arrays.saf" in done.stderr
    assert "ngram/0" not in done.stderr
    (own / "run/cells/ngram/0/cost.json").write_text("x")
    for ask in (("report", "run"), ("score", "run", "--model", "ngram", "text.txt")):
        done = lmcompare(*ask, cwd=own)
        assert "cost.json is damaged: repeat the lmcompare run that wrote it" in done.stderr
    assert done.returncode == 2
    assert "'ngram' can't be used" in done.stderr
