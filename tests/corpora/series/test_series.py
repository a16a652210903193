"""Series as texts: values on a grid of times, cut so that test is the future of train, read by ``series:``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare import corpora
from lmcompare.corpora import CorpusOptions
from lmcompare.corpora.document import Piece
from lmcompare.corpora.series import line_of, text_of
from lmcompare.corpora.series.cuts import LEAST, MOST_GIVEN, split_series
from lmcompare.corpora.series.grid import Grid, grid_of, plain_grid, season_of, seconds_of
from lmcompare.corpora.series.tables import Series
from lmcompare.errors import LmcompareError

NUMBERS = st.floats(allow_nan=True, allow_infinity=False)


@given(values=st.lists(NUMBERS, min_size=1, max_size=20), data=st.data())
def test_a_text_gives_back_its_values_to_the_last_bit(values: list[float], data: st.DataObject) -> None:
    given_steps = data.draw(st.integers(0, len(values) - 1))
    text = text_of(values, given_steps)
    line = line_of(text)
    np.testing.assert_array_equal(line.values, np.array(values))
    assert line.given == given_steps
    assert line.whole == (given_steps == 0)
    words = [text[begin:end] for begin, end in line.spans.tolist()]
    assert words == text.split()


def test_the_context_is_the_past_or_all_of_a_training_text() -> None:
    assert line_of("1 2\n3 ?").context.tolist() == [1, 2]
    assert line_of("1 2 3").context.tolist() == [1, 2, 3]
    assert np.isnan(line_of("1 2\n3 ?").values[3])


@pytest.mark.parametrize("text", ["1 two 3", "1 inf", "1 nan", "1,5"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(LmcompareError, match="not a value of a series"):
        line_of(text)


@pytest.mark.parametrize(
    ("frequency", "step", "season"),
    [
        *(("MS", "month", 12), ("ME", "month", 12), ("QS", "quarter", 4), ("YS", "year", 1), ("2MS", "2 months", 1)),
        *(("W", "week", 52), ("D", "day", 7), ("B", "business day", 5), ("h", "hour", 24)),
        *(("15min", "15 minutes", 96), ("7min", "7 minutes", 1), ("30s", "30 seconds", 1)),
    ],
)
def test_a_regular_calendar_has_its_step_and_season(frequency: str, step: str, season: int) -> None:
    times = pd.date_range("2020-01-01", periods=40, freq=frequency)
    grid = grid_of(times, "x")
    assert (grid.step, grid.season) == (step, season)
    assert grid.places.tolist() == list(range(40))


def test_missing_times_are_places_that_are_left_out() -> None:
    times = pd.DatetimeIndex(["2024-01-01", "2024-01-02", "2024-01-04", "2024-01-05", "2024-01-06"])
    grid = grid_of(times, "x")
    assert (grid.step, grid.places.tolist(), grid.start) == ("day", [0, 1, 3, 4, 5], "2024-01-01")
    months = pd.DatetimeIndex(["2024-01-31", "2024-02-29", "2024-04-30", "2024-05-31"])
    assert grid_of(months, "x").places.tolist() == [0, 1, 3, 4]


def test_trading_days_without_holidays_are_business_days() -> None:
    days = pd.bdate_range("2024-01-01", "2024-03-29").drop([pd.Timestamp("2024-01-15")])
    grid = grid_of(days, "x")
    assert grid.step == "business day"
    assert len(grid.places) == grid.places[-1]  # one place is left out


@pytest.mark.parametrize(
    "times",
    [
        ["2024-01-01", "2024-01-02", "2024-01-09", "2024-02-20", "2024-02-21"],
        ["2024-01-01 00:00:00", "2024-01-01 00:07:11", "2024-01-01 02:00:00", "2024-01-02 00:00:00"],
    ],
)
def test_uneven_times_are_refused(times: list[str]) -> None:
    with pytest.raises(LmcompareError, match="not evenly spaced"):
        grid_of(pd.DatetimeIndex(times), "x")


def test_steps_in_seconds() -> None:
    assert [seconds_of(step) for step in ("week", "15 minutes", "month", "")] == [604_800, 900, 0, 0]
    assert season_of("15 minutes") == 96


def series(name: str, length: int, start: str = "") -> Series:
    values = np.sin(np.arange(length, dtype=float))
    grid = Grid("month", np.arange(length), start, 12) if start else plain_grid(length)
    return Series(name, values, grid)


def future(piece: Piece) -> np.ndarray:
    line = line_of(piece.text)
    return line.values[line.given :]


def test_one_series_is_cut_at_70_and_80_percent_and_held_out_parts_begin_with_their_past() -> None:
    split, _ = split_series([series("x", 100)])
    whole = np.sin(np.arange(100.0))
    (train,), (valid,), (test,) = split["train"], split["valid"], split["test"]
    np.testing.assert_array_equal(line_of(train.text).values, whole[:70])
    np.testing.assert_array_equal(future(valid), whole[70:80])
    np.testing.assert_array_equal(future(test), whole[80:])
    np.testing.assert_array_equal(line_of(valid.text).values, whole[:80])
    np.testing.assert_array_equal(line_of(test.text).values, whole)


def test_a_long_past_is_given_in_part() -> None:
    split, _ = split_series([series("x", 10_000)])
    (test,) = split["test"]
    assert line_of(test.text).given == MOST_GIVEN
    assert test.metadata["first"] == str(8_000 - MOST_GIVEN)


def test_series_of_one_calendar_are_cut_at_the_same_times() -> None:
    early, late = series("early", 100, "2000-01-01"), series("late", 60, "2005-01-01")
    split, _ = split_series([early, late])
    begins = set()
    for piece in split["test"]:
        year, month = map(int, piece.metadata["start"].split("-")[:2])
        begins.add(year * 12 + month + int(piece.metadata["first"]) + line_of(piece.text).given)
    assert len(begins) == 1
    last, first = end_and_begin(split)
    assert last < first


def end_and_begin(split: dict[str, tuple[Piece, ...]]) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the last time of all training texts and the first of all test texts."""
    times: dict[str, list[pd.Timestamp]] = {"train": [], "test": []}
    for which, found in times.items():
        for piece in split[which]:
            line = line_of(piece.text)
            at = int(piece.metadata["first"]) + (len(line.values) - 1 if which == "train" else line.given)
            begin = pd.Period(piece.metadata["start"], freq={"month": "M", "day": "D"}[piece.metadata["step"]])
            found.append((begin + at).start_time)
    return max(times["train"]), min(times["test"])


@pytest.mark.parametrize("short", [1, 5])
def test_a_short_series_does_not_move_the_cuts_of_the_others(short: int) -> None:
    two = [series("early", 120, "2000-01-01"), series("late", 100, "2003-01-01")]
    split, said = split_series([*two, series("short", short, "1990-01-01" if short > 1 else "")])
    assert {name: [piece.name for piece in pieces] for name, pieces in split.items()} == {
        name: [piece.name for piece in pieces] for name, pieces in split_series(two)[0].items()
    }
    assert "short" in said[1]
    last, first = end_and_begin(split)
    assert last < first


def test_series_of_other_steps_are_cut_at_the_same_times() -> None:
    days = Series("days", np.sin(np.arange(900.0)), Grid("day", np.arange(900), "2009-01-01", 7))
    split, _ = split_series([series("months", 60, "2006-01-01"), days])
    assert {piece.name for piece in split["train"]} == {"months", "days"}
    last, first = end_and_begin(split)
    assert last < first


def test_short_and_constant_series_are_left_out_and_said() -> None:
    flat = Series("flat", np.ones(100), plain_grid(100))
    split, said = split_series([series("x", 100), series("short", LEAST), flat])
    assert [piece.name for piece in split["train"]] == ["x"]
    assert "70 %" in said[0]
    assert "short" in said[1]
    assert "flat" in said[2]


def test_series_that_end_before_the_test_part_are_named() -> None:
    split, said = split_series([series("ends", 100, "1990-01-01"), series("goes-on", 300, "1990-01-01")])
    assert [piece.name for piece in split["test"]] == ["goes-on"]
    assert {piece.name for piece in split["train"]} == {"ends", "goes-on"}
    assert "same two times" in said[0]
    assert "not tested: ends" in said[1]


def test_nothing_to_learn_is_refused() -> None:
    with pytest.raises(LmcompareError, match="too few values"):
        split_series([series("x", 10)])
    with pytest.raises(LmcompareError, match="never change"):
        split_series([Series("flat", np.ones(100), plain_grid(100))])
    with pytest.raises(LmcompareError, match="two series are named 'x'"):
        split_series([series("x", 100), series("x", 100)])


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
    assert corpus.kind == "series"
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
    ("source", "options", "said"),
    [
        ("series:statsmodels:co", {}, "did you mean 'co2'"),
        ("series:", {}, "names no table"),
        ("series:no.csv", {}, "no file"),
        ("series:statsmodels:macrodata#gdp", {}, "no column 'gdp'"),
        ("series:statsmodels:nile", {"lowercase": True}, "--lowercase can't be used with a series"),
        ("series:statsmodels:nile", {"encoding": "latin-1"}, "encoding 'latin-1' has no effect"),
    ],
)
def test_what_is_no_series_is_said(source: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(LmcompareError, match=said):
        corpora.load(source, CorpusOptions(**options))


def test_an_encoding_is_used_for_a_table(tmp_path: Path) -> None:
    rows = "value,größe\n" + "\n".join(f"{n % 7},{n}" for n in range(60))
    (tmp_path / "t.csv").write_text(rows, encoding="latin-1")
    with pytest.raises(LmcompareError, match="--encoding"):
        corpora.load("series:t.csv", base=tmp_path)
    found = corpora.load("series:t.csv", CorpusOptions(encoding="latin-1"), base=tmp_path)
    assert [one.name for one in found.test] == ["value", "größe"]


def test_without_statsmodels_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmcompare.corpora.schemes.series.find_spec", lambda name: None)
    with pytest.raises(LmcompareError, match=r"pip install 'lmcompare\[series\]'"):
        corpora.load("series:statsmodels:nile")
