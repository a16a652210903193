"""The models by the years of their ideas: what is shown, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lmcompare.analysis import load_run
from lmcompare.report.data import ReportData
from lmcompare.report.sections import history
from tests.report.tree import parse
from tests.run_folder import reseal, write_run_folder

YEARS = {"unigram": 1948, "ngram": 1999, "word2vec-bow": 2013, "rnn-attention": 2015, "transformer": 2017}
MODELS = (*YEARS, "char-transformer")


def data_with(tmp_path: Path, years: dict[str, int]) -> ReportData:
    folder = write_run_folder(tmp_path / "run", models=MODELS, failed=(), invalid=(), seeds=(0,))
    for path in folder.glob("cells/*/*/cell.json"):
        table = json.loads(path.read_text(encoding="utf-8"))
        if (name := path.parts[-3]) in years:
            table["idea"] = {"year": years[name], "authors": f"Author of {name}", "title": "A <title> & more"}
        path.write_text(json.dumps(table), encoding="utf-8")
    return ReportData(load_run(reseal(folder)))


def test_models_stand_at_their_years_with_their_figures(tmp_path: Path) -> None:
    data = data_with(tmp_path, {**YEARS, "char-transformer": 2018})
    section = history.build(data)
    assert section is not None
    shown = parse(str(section.html))
    rows = shown.one("table", "plain").rows()
    assert [row[0] for row in rows] == ["1948", "1999", "2013", "2015", "2017", "2018"]
    figures = {row.name: row.bits_per_byte for row in data.rows}
    for row, name in zip(rows, (*YEARS, "char-transformer"), strict=True):
        assert row[3] == f"{figures[name]:.3f}"
        assert row[2] == f"Author of {name}, A <title> & more"
    best = min(figures, key=lambda name: figures[name] or 9.0)
    said = shown.one("p", "claim").text
    assert said.startswith("The unigram (1948) is the first. Better than everything before: ")
    named = [year for year in ("1999", "2013", "2015", "2017", "2018") if f"({year})" in said]
    least = "unigram"
    for name, year in list({**YEARS, "char-transformer": 2018}.items())[1:]:
        if data.comparison.is_better(name, least):
            assert str(year) in named
            least = name
        else:
            assert str(year) not in named
    assert ("did not beat" in said) == ({**YEARS, "char-transformer": 2018}[best] < 2018)
    networks = {name for name in figures if "transformer" in name or "rnn" in name or "word2vec" in name}
    hollow = [mark for mark in shown.all("g") if "hollow" in mark.attributes.get("class", "").split()]
    assert len(hollow) == len(networks)
    assert "Hollow: trained once" in shown.text


def test_ideas_of_few_years_are_no_history(tmp_path: Path) -> None:
    assert history.build(data_with(tmp_path, YEARS)) is None


def test_models_without_a_publication_are_named_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "LEAST", 5)
    section = history.build(data_with(tmp_path, YEARS))
    assert section is not None
    shown = parse(str(section.html))
    assert len(shown.one("table", "plain").rows()) == 5
    assert "they name no publication: " in shown.text
