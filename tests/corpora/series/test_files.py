"""Files of tables: separators, odd columns, decimal commas, and what is refused in one sentence."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lmcompare.corpora.series.files import read_table
from lmcompare.corpora.series.tables import series_of
from lmcompare.errors import LmcompareError

DAYS = pd.date_range("2024-01-01", periods=4)


def test_row_numbers_that_pandas_wrote_are_no_series(tmp_path: Path) -> None:
    pd.DataFrame({"date": DAYS, "value": [1.5, 2.5, 3.5, 4.5]}).to_csv(tmp_path / "x.csv")
    (one,) = series_of(read_table(tmp_path / "x.csv", "utf-8"), "", "x").series
    assert one.grid.step == "day"
    assert one.values.tolist() == [1.5, 2.5, 3.5, 4.5]


def test_names_with_digits_are_names(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("T1,2m,E5x\n1,2,3\n4,5,6\n")
    found = series_of(read_table(tmp_path / "x.csv", "utf-8"), "", "x")
    assert [one.name for one in found.series] == ["T1", "2m", "E5x"]


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


def test_odd_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("date,v,\n2023-01-01,1,\n2023-01-02,2,\n")
    (one,) = series_of(read_table(tmp_path / "x.csv", "utf-8"), "", "x").series
    assert (one.name, one.values.tolist()) == ("v", [1.0, 2.0])
    (tmp_path / "na.csv").write_text("symbol,date,close\nNA,2000,1\nNA,2001,2\nUS,2000,3\nUS,2001,4\n")
    found = series_of(read_table(tmp_path / "na.csv", "utf-8"), "", "x").series
    assert [one.name for one in found] == ["NA", "US"]
    (tmp_path / "wide.csv").write_bytes("v\n1\n2\n".encode("utf-16"))
    with pytest.raises(LmcompareError, match="--encoding utf-16"):
        read_table(tmp_path / "wide.csv", "utf-8")


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ("date;v\n2020;10,13\n2021;1.000,5\n2022;\n2023;7\n", [10.13, 1000.5, np.nan, 7.0]),
        ('date,v\n2020,"0,125"\n2021,"-10,25"\n', [0.125, -10.25]),
        ("date;v\n2020;981.5\n2021;1.014\n", [981.5, 1.014]),
    ],
)
def test_a_comma_before_the_decimals_is_read(tmp_path: Path, content: str, values: list[float]) -> None:
    (tmp_path / "x.csv").write_text(content)
    (one,) = series_of(read_table(tmp_path / "x.csv", "utf-8"), "", "x").series
    np.testing.assert_array_equal(one.values, values)


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
