"""The models by the years of their ideas: what is shown, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lmcompare.analysis import load_run
from lmcompare.report.data import ReportData
from lmcompare.studies.history import section as history
from tests.report.part import part_of
from tests.report.tree import parse
from tests.run_folder import reseal

IDEAS = {
    "unigram": 1948,
    "ngram": 1999,
    "word2vec-bow": 2013,
    "rnn-attention": 2015,
    "transformer": 2017,
    "char-transformer": 2018,
}


def data_with(place: Path, years: dict[str, int]) -> ReportData:
    """The six models, of which these name a publication."""
    folder = part_of(place, tuple(IDEAS))
    for path in folder.glob("cells/*/*/cell.json"):
        table = json.loads(path.read_text(encoding="utf-8"))
        if (name := path.parts[-3]) in years:
            table["idea"] = {"year": years[name], "authors": f"Author of {name}", "title": "A <title> & more"}
        path.write_text(json.dumps(table), encoding="utf-8")
    return ReportData(load_run(reseal(folder)))


@pytest.mark.slow
def test_models_stand_at_their_years_with_their_figures(tmp_path: Path) -> None:
    data = data_with(tmp_path, IDEAS)
    section = history.build(data)
    assert section is not None
    shown = parse(str(section.html))
    figures = {row.name: row.bits_per_byte for row in data.rows}
    assert [[row[0], *row[2:4]] for row in shown.one("table", "plain").rows()] == [
        [str(year), f"Author of {name}, A <title> & more", f"{figures[name]:.3f}"] for name, year in IDEAS.items()
    ]
    hollow = [mark for mark in shown.all("g") if "hollow" in mark.attributes.get("class", "").split()]
    assert len(hollow) == 4  # networks that were trained once
    assert "Hollow: trained once" in shown.text


@pytest.mark.slow
def test_models_without_a_publication_are_named_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = data_with(tmp_path, {name: year for name, year in IDEAS.items() if year < 2018})
    assert history.build(data) is None  # of five years
    monkeypatch.setattr(history, "LEAST", 5)
    section = history.build(data)
    assert section is not None
    shown = parse(str(section.html))
    assert len(shown.one("table", "plain").rows()) == 5
    assert "they name no publication: char-transformer" in shown.text


@pytest.mark.parametrize(
    ("better", "said"),
    [
        ({"ba", "cb"}, "The A (1901) is the first. Better than everything before: the B (1902) and the C (1903)"),
        (
            {"ba"},
            "The A (1901) is the first. Better than everything before: the B (1902). 2 later ideas did not beat",
        ),
        (set(), "The A (1901) is the first. 3 later ideas did not beat the A"),
    ],
)
def test_an_idea_is_compared_with_the_best_one_until_then(better: set[str], said: str) -> None:
    """The last two are of one year: neither of them is later than the other."""
    places: Any = [
        SimpleNamespace(model=SimpleNamespace(title=name.upper()), row=SimpleNamespace(name=name), year=year)
        for name, year in (("a", 1901), ("b", 1902), ("c", 1903), ("d", 1903))
    ]
    comparison: Any = SimpleNamespace(is_better=lambda one, other: one + other in better)
    told = history.claim(places, comparison).replace("\u00a0", " ")
    assert told.startswith(said)
    assert ("did not" in told) == ("did not" in said)
