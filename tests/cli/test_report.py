"""``lmcompare report``, and what commands say of damaged run folders."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.console import lmcompare

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]


def test_report_is_built_from_the_folder_alone(place: Path) -> None:
    (place / "run" / "report.html").unlink()
    done = lmcompare("report", "run", cwd=place)
    assert done.returncode == 0, done.stderr
    assert (place / "run" / "report.html").is_file()


def test_a_report_of_several_runs(place: Path) -> None:
    lower = ("run", "--corpus", "text.txt", "--documents", "line", "--lowercase", "--model", "unigram")
    assert lmcompare(*lower, "--device", "cpu", "--out", "small", cwd=place).returncode == 0
    done = lmcompare("report", "run", "small", "--out", "both", cwd=place)
    assert (done.returncode, done.stdout) == (0, "both/report.html\n"), done.stderr
    said = (place / "both" / "report.md").read_text()
    assert "lower case here, unchanged there" in said
    into = lmcompare("run", "--corpus", "text.txt", "--model", "unigram", "--out", "both", cwd=place)
    assert (into.returncode, into.stderr.count("\n")) == (2, 1)  # before the text is read
    assert "both holds a report of several runs" in into.stderr
    again = lmcompare("report", "small", "run", cwd=place)
    assert (again.returncode, again.stdout) == (0, "reports/joined/report.html\n"), again.stderr
    for arguments, wrong in (
        (("run", "small", "--out", "run"), "run contains other files"),
        (("run", "small", "--out", "run/cells/both"), "both is among the files of the run in"),
        (("run", "run"), "run is given twice"),
        (("run", "nowhere"), "nowhere is not a folder"),
        (("run", "--live", "none", "--live-text"), "--live none leaves the training text out"),
        (("run", "--out", "both"), "--out is for a report of several runs"),
    ):
        done = lmcompare("report", *arguments, cwd=place)
        assert done.returncode == 2
        assert wrong in done.stderr
        assert "Traceback" not in done.stderr


def test_a_kept_cell_that_is_damaged_is_said(place: Path) -> None:
    shutil.copytree(place / "run", place / "damaged")
    (place / "damaged" / "cells" / "ngram" / "0" / "cost.json").write_text("x")
    again = ("run", "--corpus", "text.txt", "--documents", "line", "--out", "damaged", "--device", "cpu")
    for ask in (("report", "damaged"), ("score", "damaged", "--model", "ngram", "text.txt")):
        done = lmcompare(*ask, cwd=place)
        assert "cost.json is damaged: repeat the lmcompare run that wrote it" in done.stderr
    assert done.returncode == 2
    assert "'ngram' can't be used" in done.stderr
    done = lmcompare(*again, "--model", "unigram,ngram", cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cost.json is damaged or lost: what depends on it is made anew." in done.stderr
    assert "ngram: scoring" in done.stderr
    assert "ngram: training" not in done.stderr
    assert "unigram: scoring" not in done.stderr
    assert lmcompare("score", "damaged", "--model", "ngram", "text.txt", cwd=place).returncode == 0


def test_a_trained_model_that_is_damaged_is_said(place: Path) -> None:
    shutil.copytree(place / "run", place / "broken")
    (place / "broken/cells/ngram/0/model/arrays.safetensors").write_bytes(b"x")
    done = lmcompare("report", "broken", cwd=place)
    assert done.returncode == 0
    assert "the trained model of ngram/0 can't be used any more, only its figures (arrays.safetensors" in done.stderr
    assert "unigram/0" not in done.stderr
