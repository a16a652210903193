"""Writing: whole or not at all, the same twice, nothing left behind, clear about what is wrong."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from lmcompare.analysis import load_run
from lmcompare.errors import LmcompareError
from lmcompare.report import write
from lmcompare.report.page import Report
from lmcompare.report.write import write_reports
from lmcompare.runfolder.files import umask
from lmcompare.runfolder.guards import locked
from lmcompare.runfolder.layout import MARK
from tests.report.part import part_of
from tests.run_folder import edit, write_report

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run folder without reports."""
    return part_of(tmp_path_factory.mktemp("small") / "run", ("unigram", "ngram"))


@pytest.fixture
def copy(small: Path, tmp_path: Path) -> Path:
    """The run folder to write into."""
    return Path(shutil.copytree(small, tmp_path / "run"))


def test_writes_page_markdown_and_charts_and_the_same_twice(copy: Path) -> None:
    before = {path.name for path in copy.iterdir()}
    assert write_report(copy) == copy / "report.html"
    assert {path.name for path in copy.iterdir()} - before == {"report.html", "report.md", "charts"}
    assert (copy / "report.html").stat().st_mode & 0o777 == 0o666 & ~umask()
    run = load_run(copy)
    assert Report(run).html() == (copy / "report.html").read_text(encoding="utf-8")
    assert Report(run).markdown() == (copy / "report.md").read_text(encoding="utf-8")


def test_a_run_that_ended_just_before_is_in_the_report(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def locked_after_another_run(folder: Path) -> Iterator[Callable[[], None]]:
        edit(folder, name="the other run")
        with locked(folder) as see_that_it_is_there:
            yield see_that_it_is_there

    monkeypatch.setattr(write, "locked", locked_after_another_run)
    write_reports(copy)
    assert json.loads((copy / "results.json").read_text())["experiment"] == "the other run"


def test_charts_of_an_earlier_report_go_and_a_failed_write_leaves_the_old_report(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_report(copy)
    charts = copy / "charts"
    drawn = next(charts.iterdir())
    shutil.copy(drawn, charts / "old.svg")
    (charts / "mine.svg").write_text("<svg/>")  # which no report has written
    write_report(copy)
    assert drawn.exists()
    assert not (charts / "old.svg").exists()
    assert (charts / "mine.svg").read_text() == "<svg/>"
    page = (copy / "report.html").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(LmcompareError, match="No space left on device"):
        write_report(copy)
    assert (copy / "report.html").read_bytes() == page
    assert not [
        path.name for path in copy.iterdir() if path.name.startswith(".") and path.name not in (".lock", MARK)
    ]
    assert (charts / "summary-1.svg").exists()


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "cells" / "ngram" / "0" / "curve.csv").unlink()
    assert "curve.csv is missing" in write_report(copy).read_text(encoding="utf-8")


def test_loads_neither_models_nor_heavy_libraries(copy: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from lmcompare.report.write import write_reports;"
        " write_reports(Path(sys.argv[1])); print('LOADED', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(copy)], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert "pandas" in loaded
    assert not loaded & {"torch", "gensim", "nltk", "altair", "sklearn", "lmcompare.models"}


def test_a_fault_of_the_report_is_not_called_a_damaged_folder(copy: Path) -> None:
    with (
        patch("lmcompare.report.write.write_results", side_effect=KeyError("no such key")),
        pytest.raises(LmcompareError, match=r"can't be made \(KeyError: 'no such key'.*fault of lmcompare") as caught,
    ):
        write_reports(copy)
    assert "damaged" not in str(caught.value)
    assert str(copy) in str(caught.value)
