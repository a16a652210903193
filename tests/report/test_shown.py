"""Of very many models a report shows the best, the best of each kind and the cheapest, and lists the others."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.analysis import Run, write_results
from lmcompare.analysis.leaderboard import Row
from lmcompare.report.data import ReportData
from lmcompare.report.page import Report
from lmcompare.report.shown import MOST_SHOWN, shown
from lmcompare.report.terminal import print_leaderboard
from tests.analysis.test_comparison import many
from tests.report.tree import parse

FEW, COUNT = 6, 15  # so many models are shown of so many, where a whole run is


def test_few_models_are_all_shown() -> None:
    rows = [Row(f"m{n}", "ngram", "ranked", bits_per_byte=float(n)) for n in range(MOST_SHOWN)]
    others = [Row(f"a{n}", "cache", "adaptive", bits_per_byte=float(n)) for n in range(MOST_SHOWN)]
    assert shown([*rows, *others]) == {row.name for row in (*rows, *others)}


def test_of_many_the_best_those_of_each_kind_and_the_cheapest() -> None:
    def row(n: int) -> Row:
        kind = {70: "unigram", 80: "unigram", 90: "pcfg"}.get(n, "ngram")
        return Row(
            f"m{n}", kind, "ranked", bits_per_byte=float(n), parameters=1 if n == 60 else 9, processor_seconds=2.0
        )

    rows = [row(n) for n in range(100)]
    assert shown(rows) == {f"m{n}" for n in (*range(MOST_SHOWN), 60, 70, 90)}


@given(st.integers(0, 3 * MOST_SHOWN), st.randoms(use_true_random=False))
def test_no_page_has_very_many(count: int, drawn: random.Random) -> None:
    rows = [Row(f"m{n}", f"p{drawn.randrange(3)}", "ranked", parameters=drawn.randrange(9)) for n in range(count)]
    found = shown(rows)
    assert {row.name for row in rows[:MOST_SHOWN]} <= found <= {row.name for row in rows}
    assert {row.plugin for row in rows if row.name in found} == {row.plugin for row in rows}
    assert len(found) <= MOST_SHOWN + 3 + 4


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of ``COUNT`` models of one kind, the first of which is the best."""
    run = many(tmp_path_factory.mktemp("large"), 0.1, **{f"m{n}": n / 50 for n in range(COUNT)})
    for entry in run.models:
        entry.plugin = "ngram"
    return run


@pytest.fixture
def large(trained: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The same, of which a report shows ``FEW``."""
    monkeypatch.setattr("lmcompare.report.shown.MOST_SHOWN", FEW)
    return trained


@pytest.mark.slow
def test_the_command_prints_those_that_are_shown(large: Run, capsys: pytest.CaptureFixture[str]) -> None:
    write_results(large)
    print_leaderboard(large.path)
    said = capsys.readouterr().out
    named = set(re.findall(r"\bm\d+\b", said))
    assert named == {f"m{n}" for n in range(FEW)}
    assert f"{COUNT - FEW} further models: results.csv" in said.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.slow
def test_the_page_lists_all_and_counts_all(large: Run) -> None:
    data = ReportData(large)
    assert [model.name for model in data.scored] == [f"m{n}" for n in range(FEW)]
    assert len(data.all_rows) == len(data.results["models"]) == COUNT
    report = Report(large)
    texts = [report.sections[name].html for name in ("Leaderboard", "Validity")]
    board, truth, summary = (str(html).replace("\N{NO-BREAK SPACE}", " ") for html in (*texts, report.summary.html))
    assert all(f"m{n}" in board for n in range(COUNT))
    assert f"The other {COUNT - FEW} models" in board
    assert f"All {COUNT} models passed" in truth
    assert f"{COUNT} language models" in summary
    assert f"m{COUNT - 1}" not in str(report.sections["Cost"].html)
    tables = parse(board).all("table", class_="sortable")
    (others,) = (table for table in tables if len(table.rows()) == COUNT - FEW)
    keys = [[cell.attributes.get("data-v", "") for cell in row.all("td")] for row in others.one("tbody").all("tr")]
    rows = [row for row in data.all_rows if row.name not in {model.name for model in data.scored}]
    assert [(int(rank), float(bits), int(size or 0)) for rank, bits, _, size in keys] == [
        ((row.rank_low or 0) + (row.rank_high or 0), row.bits_per_byte, row.parameters or 0) for row in rows
    ]
