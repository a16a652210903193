"""Published figures in the report and in the terminal: marked, beside the run, and never ranked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lmcompare.analysis import join, load_run, write_results
from lmcompare.report.data import ReportData
from lmcompare.report.sections import leaderboard
from lmcompare.report.terminal import print_leaderboard
from tests.report.part import part_of
from tests.report.tree import parse
from tests.run_folder import edit

pytestmark = pytest.mark.slow

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
    folder = part_of(tmp_path_factory.mktemp("published") / "run", ("unigram", "ngram"))
    edit(folder, experiment={**load_run(folder).manifest.experiment, "published": PUBLISHED})
    write_results(load_run(folder))
    return folder


def test_the_page_shows_them_apart_from_the_leaderboard(shown: Path) -> None:
    section = leaderboard.build(ReportData(load_run(shown)))
    tree = parse(str(section.html))
    part = tree.one("div", "apart", "published")
    rows = part.rows()
    assert [row[0].removesuffix(" published") for row in rows] == ["T64", "AWD-LSTM", "<b>KN5</b>"]
    assert rows[1][1] == "57.30"
    assert rows[1][3].endswith("ngram")
    assert "<b>KN5</b>: Another text." in part.text
    assert "no model of this run has the tokens of 'bpe': Pieces" in part.text
    assert "AWD-LSTM" not in tree.one("table", "board").text
    assert "| AWD-LSTM (published) | 57.30 |" in section.markdown


def test_the_terminal_shows_them_below(shown: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_leaderboard(shown)
    leaderboard, below = capsys.readouterr().out.split("Published, not run here")
    assert "AWD-LSTM" not in leaderboard
    assert below.index("T64") < below.index("AWD-LSTM") < below.index("<b>KN5</b>")
    assert "Another text." in below
    assert "Not compared, because no model of this run has the tokens of 'bpe': Pieces." in below


def test_runs_that_are_joined_show_each_once(shown: Path, tmp_path: Path) -> None:
    other = part_of(tmp_path, ("unigram",), (1,))
    edit(other, experiment={**load_run(other).manifest.experiment, "published": PUBLISHED[:2]})
    (joined,) = join([load_run(shown), load_run(other)])
    section = leaderboard.build(ReportData(joined.run))
    assert len(parse(str(section.html)).one("div", "apart", "published").rows()) == 3
