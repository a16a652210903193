"""``series:`` reads tables and the data sets of statsmodels as corpora whose test text is the future."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lmcompare import corpora
from lmcompare.corpora import CorpusOptions
from lmcompare.corpora.series.values import line_of
from lmcompare.errors import LmcompareError


@pytest.mark.parametrize(
    ("name", "series", "season", "last"),
    [
        ("co2", 1, "52", 371.5),
        ("sunspots", 1, "1", 2.9),
        ("elnino", 1, "12", 22.07),
        ("macrodata", 12, "4", 12990.341),
        ("nile", 1, "1", 740.0),
    ],
)
def test_the_data_sets_of_statsmodels(name: str, series: int, season: str, last: float) -> None:
    corpus = corpora.load(f"series:statsmodels:{name}")
    assert corpus.series
    assert len(corpus.train) == len(corpus.test) == series
    assert corpus.test[0].metadata["season"] == season
    assert corpus.test[0].name != "value"
    assert line_of(corpus.test[0].text).values[-1] == last
    assert len(corpus.test[0].sentences) == 2


def test_missing_weeks_of_co2_stay_missing() -> None:
    corpus = corpora.load("series:statsmodels:co2")
    assert np.isnan(line_of(corpus.train[0].text).values).sum() == 59
    assert "59" in corpus.notes[-1]


def test_a_path_is_relative_to_the_experiment(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("value\n" + "\n".join(str(n % 7) for n in range(60)))
    corpus = corpora.load("series:t.csv#value", base=tmp_path)
    assert corpus.name == "t.csv#value"
    assert len(line_of(corpus.test[0].text).values) == 60


def test_a_hash_may_be_in_the_path_of_a_file(tmp_path: Path) -> None:
    for name in ("a#b.csv", "a"):  # the file "a" is no table
        (tmp_path / name).write_text("value,other\n" + "\n".join(f"{n % 7},{n}" for n in range(60)))
    with pytest.raises(LmcompareError, match="a is not a table of series"):
        corpora.load("series:a#b.csv", base=tmp_path)
    (tmp_path / "a").unlink()
    for source, names in (("series:a#b.csv", ["value", "other"]), ("series:a#b.csv#other", ["other"])):
        assert [one.name for one in corpora.load(source, base=tmp_path).test] == names


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("series:statsmodels:co", "did you mean 'co2'"),
        ("series:", "names no table"),
        ("series:no.csv", "no file"),
        ("series:statsmodels:macrodata#gdp", "no column 'gdp'"),
    ],
)
def test_wrong_names_are_said(source: str, said: str) -> None:
    with pytest.raises(LmcompareError, match=said):
        corpora.load(source)


def test_options_of_texts_are_refused() -> None:
    with pytest.raises(LmcompareError, match="--lowercase can't be used with a series"):
        corpora.load("series:statsmodels:nile", CorpusOptions(lowercase=True))


def test_an_encoding_is_used_for_a_table_and_refused_for_a_data_set(tmp_path: Path) -> None:
    rows = "value,größe\n" + "\n".join(f"{n % 7},{n}" for n in range(60))
    (tmp_path / "t.csv").write_text(rows, encoding="latin-1")
    with pytest.raises(LmcompareError, match="--encoding"):
        corpora.load("series:t.csv", base=tmp_path)
    found = corpora.load("series:t.csv", CorpusOptions(encoding="latin-1"), base=tmp_path)
    assert [one.name for one in found.test] == ["value", "größe"]
    with pytest.raises(LmcompareError, match="encoding 'latin-1' has no effect"):
        corpora.load("series:statsmodels:nile", CorpusOptions(encoding="latin-1"))


def test_without_statsmodels_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmcompare.corpora.schemes.series.find_spec", lambda name: None)
    with pytest.raises(LmcompareError, match=r"pip install 'lmcompare\[series\]'"):
        corpora.load("series:statsmodels:nile")
