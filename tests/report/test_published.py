"""Published figures in the report and in the terminal: marked, beside the run, and never ranked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from lmcompare.analysis import load_run, write_results
from lmcompare.report.terminal import print_leaderboard
from lmcompare.report.write import write_joined_report
from tests.report.browser import visit
from tests.report.test_accessibility import on_both_screens, see_that_all_is_well
from tests.report.tree import parse
from tests.run_folder import edit, write_report, write_run_folder

KINDS: dict[str, Any] = {"split": "test", "over": None, "note": ""}
PUBLISHED: list[dict[str, Any]] = [
    {"name": "AWD-LSTM", "figure": 57.3, "unit": "perplexity", "tokens": "word", "source": "Merity 2018", **KINDS},
    {"name": "<b>KN5</b>", "figure": 141.2, "unit": "perplexity", "tokens": "word", "source": "Mikolov 2011", **KINDS}
    | {"note": "Another text."},
    {"name": "T64", "figure": 1.06, "unit": "bits per byte", "tokens": "", "source": "Al-Rfou 2019", **KINDS},
    {"name": "Pieces", "figure": 9.9, "unit": "perplexity", "tokens": "bpe", "source": "Somebody 2020", **KINDS},
]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published") / "run"
    write_run_folder(folder, models=("unigram", "ngram"), seeds=(0,), failed=(), documents=8)
    edit(folder, experiment={**load_run(folder).manifest.experiment, "published": PUBLISHED})
    write_results(load_run(folder))
    write_report(folder)
    return folder


def test_the_page_shows_them_apart_from_the_leaderboard(shown: Path) -> None:
    page = (shown / "report.html").read_text()
    tree = parse(page)
    part = tree.one("div", "apart", "published")
    rows = part.rows()
    assert [row[0].removesuffix(" published") for row in rows] == ["T64", "AWD-LSTM", "<b>KN5</b>"]
    assert rows[1][1] == "57.30"
    assert rows[1][3].endswith("ngram")
    assert "Published, not run here" in part.text
    assert "<b>KN5</b>: Another text." in part.text
    assert "no model of this run has the tokens of 'bpe': Pieces" in part.text
    board = tree.one("table", "board")
    assert "AWD-LSTM" not in board.text
    markdown = (shown / "report.md").read_text()
    assert "| AWD-LSTM (published) | 57.30 |" in markdown


def test_the_terminal_shows_them_below(shown: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_leaderboard(shown)
    leaderboard, below = capsys.readouterr().out.split("Published, not run here")
    assert "AWD-LSTM" not in leaderboard
    assert below.index("T64") < below.index("AWD-LSTM") < below.index("<b>KN5</b>")
    assert "Another text." in below
    assert "Not compared, because no model of this run has the tokens of 'bpe': Pieces." in below


def test_runs_that_are_joined_show_each_once(shown: Path, tmp_path: Path) -> None:
    other = write_run_folder(tmp_path / "other", models=("unigram",), seeds=(1,), failed=(), documents=8)
    edit(other, experiment={**load_run(other).manifest.experiment, "published": PUBLISHED[:2]})
    page = write_joined_report([shown, other], tmp_path / "joined").read_text()
    assert len(parse(page).one("div", "apart", "published").rows()) == 3


@pytest.mark.slow
@on_both_screens
def test_they_are_accessible(browser: Browser, shown: Path, width: int) -> None:
    page = visit(browser, shown / "report.html", width=width)
    see_that_all_is_well(page, "#published")
