"""Files and tables to series: separators, odd columns, times of all kinds, and what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lmcompare.corpora.series.tables import read_table, series_of
from lmcompare.errors import LmcompareError

DAYS = pd.date_range("2024-01-01", periods=4)


def test_every_column_of_numbers_of_a_wide_table_is_a_series() -> None:
    columns = {"date": DAYS.astype(str), "a": [1, 2, 3, 4], "b": [1.5, None, 2.5, 3.0], "note": list("wxyz")}
    table = pd.DataFrame(columns)
    found = series_of(table, "", "x").series
    assert [one.name for one in found] == ["a", "b"]
    assert found[1].values[[0, 2, 3]].tolist() == [1.5, 2.5, 3.0]
    assert np.isnan(found[1].values[1])
    assert found[0].grid.step == "day"
    (one,) = series_of(table, "b", "x").series
    assert one.name == "b"


def test_rows_of_a_long_table_are_told_apart_by_their_names() -> None:
    days = DAYS[[0, 0, 1, 1, 2, 3]]
    table = pd.DataFrame({"unique_id": list("ababaa"), "ds": days, "y": [1.0, 10.0, 2.0, 20.0, 3.0, 4.0]})
    found = {one.name: one.values.tolist() for one in series_of(table, "", "x").series}
    assert found == {"a": [1, 2, 3, 4], "b": [10, 20]}
    # Rows are numbered from the first, whatever the index says.
    table = pd.DataFrame({"id": list("abab"), "ds": DAYS.repeat(2)[:4], "y": [1.0, 10.0, 2.0, 20.0]})
    table.index = pd.RangeIndex(2, 6)
    found = {one.name: one.values.tolist() for one in series_of(table, "", "x").series}
    assert found == {"a": [1, 2], "b": [10, 20]}
    # The only column of numbers has the values.
    table = pd.DataFrame({"id": list("aabb"), "time": [2000, 2001] * 2, "price": [1.0, 2.0, 3.0, 4.0]})
    found = {one.name: one.values.tolist() for one in series_of(table, "", "x").series}
    assert found == {"a": [1.0, 2.0], "b": [3.0, 4.0]}


def test_a_column_that_is_asked_for_is_not_joined_with_others() -> None:
    table = pd.DataFrame({"date": DAYS.astype(str), "hour": [3, 4, 5, 6], "v": [1.0, 2.0, 3.0, 4.0]})
    (one,) = series_of(table, "hour", "x").series
    assert (one.values.tolist(), one.grid.step) == ([3, 4, 5, 6], "day")


def test_rows_are_put_into_the_order_of_their_times() -> None:
    table = pd.DataFrame({"moment": DAYS[::-1], "value": [4, 3, 2, 1]})
    read = series_of(table, "", "x")
    assert [(one.name, one.values.tolist(), one.grid.step) for one in read.series] == [("value", [1, 2, 3, 4], "day")]
    assert any("order of their times" in said for said in read.said)


def test_hours_across_a_change_of_clocks_are_even_in_utc() -> None:
    times = pd.date_range("2024-03-31 00:00", periods=6, freq="h", tz="Europe/Berlin")
    table = pd.DataFrame({"time": [time.isoformat() for time in times], "value": range(6)})
    read = series_of(table, "", "x")
    assert read.series[0].grid.step == "hour"
    assert read.series[0].grid.start == "2024-03-30T23:00:00"
    assert any("UTC" in said for said in read.said)


def test_whole_numbers_are_years_and_a_table_without_times_has_steps() -> None:
    table = pd.DataFrame({"YEAR": [1700.0, 1701.0, 1702.0, 1703.0], "spots": [5, 11, 16, 23]})
    assert series_of(table, "", "x").series[0].grid.step == "year"
    plain = series_of(pd.DataFrame({"v": [1, 2, 3]}), "", "x")
    assert (plain.series[0].grid.step, plain.series[0].grid.season) == ("", 1)
    assert "no column of times" in plain.said[0]


@pytest.mark.parametrize(
    ("times", "start", "step"),
    [
        (
            [f"2024-{day}:00" for day in ("03-30T00:00:00+01", "03-31T00:00:00+01", "04-01T00:00:00+02")],
            "2024-03-30",
            "day",
        ),
        ([20200101, 20200102, 20200103], "2020-01-01", "day"),
        ([201011, 201012, 201101], "2010-11-01", "month"),
    ],
)
def test_times_are_read_in_the_order_that_fits(times: list[object], start: str, step: str) -> None:
    (one,) = series_of(pd.DataFrame({"time": times, "value": [1.0, 2.0, 3.0]}), "", "x").series
    assert (one.grid.start, one.grid.step) == (start, step)


def test_columns_without_numbers_are_left_out_and_named() -> None:
    table = pd.DataFrame({"time": DAYS, "read": DAYS, "v": [1.0, 2.0, 3.0, 4.0], "place": list("abcd")})
    found = series_of(table, "", "x")  # of two columns of times, neither is a series
    assert [one.name for one in found.series] == ["v"]
    assert any("place" in said for said in found.said)


def test_missing_values_at_the_ends_are_cut_off() -> None:
    table = pd.DataFrame({"time": pd.date_range("2024-01-01", periods=6), "v": [None, 1, 2, None, 3, None]})
    (one,) = series_of(table, "", "x").series
    assert one.grid.start == "2024-01-02"
    assert len(one.values) == 4


@pytest.mark.parametrize(
    ("columns", "column", "said"),
    [
        ({"v": ["1", "x", "3"]}, "v", "'x' in row 2"),
        ({"v": [1.0, np.inf, 3.0]}, "v", "infinite value in row 2"),
        ({"v": [True, False, True]}, "v", "true and false"),
        ({"v": [1, 2, 3]}, "w", "no column 'w'"),
        ({"name": ["a", "b", "c"]}, "", "no column of numbers"),
        ({"time": ["2024-01-01", "2024-01-01", "2024-01-02"], "v": [1, 2, 3]}, "", "two values at 2024-01-01"),
        ({"time": ["2024-01-01", None, "2024-01-03"], "v": [1, 2, 3]}, "", "no time in row 2"),
        ({"time": ["soon", "later", "last"], "v": [1, 2, 3]}, "", "such as 'soon': write them with the year first"),
        ({"time": ["2024 soon", "2024 later"], "v": [1, 2]}, "", "can't be read as times"),
        ({"v": []}, "", "no rows"),
        ({"v": ["1,5", "2,5"]}, "", "'v' begins with '1,5'"),  # of a table in memory
        ({"v": [1, 2, 3], "w": ["1", "2", "x"]}, "", "column 'w' of the table has 'x' in row 3"),
        ({"v": [0.0, 1e-300, -1e-200]}, "v", "1e-300 in row 2, which is too small"),
        ({"v": [1.0, 1e300]}, "v", "1e\\+300 in row 2, which is too large"),
        ({"v": pd.to_timedelta([1, 2], unit="s")}, "v", "durations"),
        ({"year": [2020, 2020], "month": [12, 13], "v": [1, 2]}, "", "13 in row 2, but a month is .* from 1 to 12"),
        (
            {"time": ["01/02/2010", "02/02/2010", "05/05/2011"], "v": [1, 2, 3]},
            "",
            "such as '01/02/2010': .* 2024-01-31",
        ),
        ({"id": ["a", None], "time": ["2024", "2025"], "value": [1, 2]}, "", "no name in row 2"),
        ({"time": [1577836800000, 1577923200000], "value": [1, 2]}, "", "divide them by 1000"),
        ({"date": [44927, 44928], "value": [1, 2]}, "", "day numbers of a spreadsheet"),
        ({"date": [1975.042, 1975.125], "value": [1, 2]}, "", "not evenly spaced"),
        ({"time": ["10:00", "10:05"], "value": [1, 2]}, "", "such as '10:00': write them with the year"),
        ({"date": ["January", "February"], "value": [1, 2]}, "", "such as 'January': write them with the year"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(columns: dict[str, list[object]], column: str, said: str) -> None:
    with pytest.raises(LmcompareError, match=said):
        series_of(pd.DataFrame(columns), column, "the table")


def test_years_with_months_quarters_or_days_of_their_own_are_times() -> None:
    months = pd.DataFrame({"year": [2023, 2023, 2024], "Month": [11, 12, 1], "rain": [1.0, 2.0, 3.0]})
    (one,) = series_of(months, "", "x").series
    assert (one.name, one.grid.step, one.grid.start) == ("rain", "month", "2023-11-01")
    quarters = pd.DataFrame({"year": [2023.0, 2023.0, 2024.0], "quarter": [3.0, 4.0, 1.0], "gdp": [1.0, 2.0, 3.0]})
    assert series_of(quarters, "gdp", "x").series[0].grid.step == "quarter"
    named = pd.DataFrame({"Year": [2023, 2023, 2024], "Month": ["November", "Dec", "Jan"], "v": [1.0, 2.0, 3.0]})
    assert series_of(named, "", "x").series[0].grid.start == "2023-11-01"
    words = pd.DataFrame({"year": [2023, 2023, 2024], "quarter": ["Q3", "Q4", "Q1"], "v": [1.0, 2.0, 3.0]})
    assert series_of(words, "", "x").series[0].grid.step == "quarter"
    days = pd.DataFrame({"year": [2024] * 3, "month": [2, 2, 3], "day": [28, 29, 1], "v": [1.0, 2.0, 3.0]})
    assert series_of(days, "", "x").series[0].grid.step == "day"
    hours = days.assign(month=2, day=28, hour=[22, 23, 24])
    assert series_of(hours, "", "x").series[0].grid.step == "hour"


def test_a_column_for_each_month_becomes_a_row_for_each() -> None:
    names = ["YEAR", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
    table = pd.DataFrame([[1950, *range(12)], [1951, *range(12, 24)]], columns=names)
    (one,) = series_of(table, "", "x").series
    assert one.values.tolist() == list(range(24))
    assert (one.grid.step, one.grid.start) == ("month", "1950-01-01")
    (march,) = series_of(table, "MAR", "x").series
    assert (march.values.tolist(), march.grid.step) == ([2, 14], "year")
    (mean,) = series_of(table.assign(**{"J-D": [5.5, 17.5]}), "J-D", "x").series
    assert (mean.values.tolist(), mean.grid.step) == ([5.5, 17.5], "year")


def test_a_name_in_each_row_is_none_and_other_numbers_are_named() -> None:
    key = pd.DataFrame({"id": [1, 2, 3], "date": DAYS[:3], "value": [1.0, 2.0, 3.0]})
    found = series_of(key, "", "x")
    assert [(one.name, len(one.values)) for one in found.series] == [("value", 3)]
    assert "'id' has another name in each row" in found.said[0]
    wide = pd.DataFrame({"id": [1, 2, 3], "date": DAYS[:3], "warm": [1.0, 2.0, 3.0], "wet": [3.0, 2.0, 1.0]})
    assert [one.name for one in series_of(wide, "", "x").series] == ["warm", "wet"]
    prices = pd.DataFrame(
        {"symbol": ["a", "a", "b", "b"], "date": [2000, 2001] * 2, "open": [1.0] * 4, "close": [1.0, 2.0, 3.0, 4.0]}
    )
    assert "left out: open." in series_of(prices, "", "x").said[0]


@pytest.mark.parametrize(("name", "separator"), [("a.csv", ","), ("b.csv", ";"), ("c.tsv", "\t"), ("d.csv.gz", ",")])
def test_files_with_any_separator_are_read(tmp_path: Path, name: str, separator: str) -> None:
    table = pd.DataFrame({"time": DAYS.astype(str), "value": [1.5, 2.5, 3.5, 4.5]})
    table.to_csv(tmp_path / name, sep=separator, index=False)
    (one,) = series_of(read_table(tmp_path / name, "utf-8"), "", name).series
    assert one.values.tolist() == [1.5, 2.5, 3.5, 4.5]


def test_a_file_of_one_column_and_parquet_with_an_index_of_times(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("value\n1\n2\n3\n")
    (one,) = series_of(read_table(tmp_path / "one.csv", "utf-8"), "value", "x").series
    assert one.values.tolist() == [1, 2, 3]
    pd.DataFrame({"v": [1.0, 2.0, 3.0, 4.0]}, index=DAYS).to_parquet(tmp_path / "t.parquet")
    (one,) = series_of(read_table(tmp_path / "t.parquet", "utf-8"), "", "x").series
    assert one.grid.step == "day"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.csv", b"", "can't be read"),
        ("x.parquet", b"no", "can't be read"),
        ("x.csv.gz", gzip.compress(b"value\n1\n2\n" * 99, mtime=0)[:30], "can't be read"),
        ("x.csv", b"value\n10,13\n11,37\n", "more fields than its header"),
        ("x.csv", b"date,value,value\n2020,1,2\n", "two columns named 'value'"),
        ("wide.csv", "v\n1\n2\n".encode("utf-16"), "--encoding utf-16"),
        ("x.csv", b"2020-01-01,10.13\n2020-01-02,11.37\n", "first row .* has values"),
    ],
)
def test_broken_files_are_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LmcompareError, match=said):
        read_table(tmp_path / name, "utf-8")
    with pytest.raises(LmcompareError, match="no file"):
        read_table(tmp_path / "missing.csv", "utf-8")
    with pytest.raises(LmcompareError, match="not a table of series"):
        read_table(tmp_path / "text.txt", "utf-8")


@pytest.mark.parametrize(
    ("content", "names", "values"),
    [
        ("date,v,\n2023-01-01,1,\n2023-01-02,2,\n", ["v"], [1.0, 2.0]),
        ("T1,2m,E5x\n1,2,3\n4,5,6\n", ["T1", "2m", "E5x"], [1.0, 4.0]),  # names with digits
        ("symbol,date,close\nNA,2000,1\nNA,2001,2\nUS,2000,3\nUS,2001,4\n", ["NA", "US"], [1.0, 2.0]),
        (pd.DataFrame({"date": DAYS[:2], "v": [1.5, 2.5]}).to_csv(), ["v"], [1.5, 2.5]),  # row numbers of pandas
        ("date;v\n2020;10,13\n2021;1.000,5\n2022;\n2023;7\n", ["v"], [10.13, 1000.5, np.nan, 7.0]),
        ('date,v\n2020,"0,125"\n2021,"-10,25"\n', ["v"], [0.125, -10.25]),  # commas before the decimals
        ("date;v\n2020;981.5\n2021;1.014\n", ["v"], [981.5, 1.014]),
    ],
)
def test_odd_files_are_read(tmp_path: Path, content: str, names: list[str], values: list[float]) -> None:
    (tmp_path / "x.csv").write_text(content)
    found = series_of(read_table(tmp_path / "x.csv", "utf-8"), "", "x").series
    assert [one.name for one in found] == names
    np.testing.assert_array_equal(found[0].values, values)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("date;v\n2020;981\n2021;1.014\n", "'1.014' beside '981'"),
        ('date,v\n2020,"3,704"\n2021,"1,250"\n', "'v' begins with '3,704'"),  # thousands, or decimals
    ],
)
def test_numbers_that_may_be_a_thousand_times_as_large_are_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(LmcompareError, match=said):
        series_of(read_table(tmp_path / "x.csv", "utf-8"), "", "x")
