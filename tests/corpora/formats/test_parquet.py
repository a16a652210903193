"""Parquet tables, read back from what pyarrow writes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from lmcompare.corpora import CorpusOptions, File
from lmcompare.corpora.contents import Content
from lmcompare.corpora.formats.parquet import read_parquet
from lmcompare.errors import LmcompareError


def written(columns: dict[str, Any]) -> bytes:
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.table(columns), sink)
    return bytes(sink.getvalue())


def read(raw: bytes, column: str | None = None) -> list[tuple[str, str, dict[str, str]]]:
    found = read_parquet(File(Content(raw), "dir/t.parquet", "t", ".parquet"), CorpusOptions(text_column=column))
    return [(p.name, p.text, dict(p.metadata)) for p in found.pieces]


def test_rows_are_documents_and_other_columns_metadata() -> None:
    raw = written({"text": ["é\nb", None, "c"], "n": [1, 2, 3], "tags": [["x"], [], None], "name": ["A", "B", "C"]})
    assert read(raw) == [
        ("t:1", "é\nb", {"n": "1", "tags": '["x"]', "name": "A"}),
        ("t:3", "c", {"n": "3", "name": "C"}),
    ]
    assert read(raw, "name")[1] == ("t:2", "B", {"n": "2", "tags": "[]"})


def test_other_columns_are_texts_without_quotation_marks() -> None:
    columns = {"text": ["a"], "price": [Decimal("1.50")], "day": [date(2020, 1, 2)], "raw": [b"x\xff"], "on": [True]}
    assert read(written(columns))[0][2] == {"price": "1.50", "day": "2020-01-02", "raw": "x\\xff", "on": "true"}


def test_times_that_python_cannot_hold_are_texts() -> None:
    times = pyarrow.array([2**62, 0], pyarrow.timestamp("us"))
    far, near = read(written({"text": ["a", "b"], "time": times}))
    assert "4611686018427387904" in far[2]["time"]
    assert near[2]["time"].startswith("1970-01-01")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"PAR1 no table", "dir/t.parquet is not well-formed Parquet"),
        (written({"text": ["a"]})[:-3], "not well-formed Parquet"),
        (written({"txet": ["a"]}), "no column 'text' .did you mean 'txet'"),
        (written({"text": [5]}), "has 5, which is not text"),
        (written({"text": [" ", None]}), "no row with text"),
    ],
)
def test_bad_tables_say_what_is_wrong(raw: bytes, message: str) -> None:
    with pytest.raises(LmcompareError, match=message):
        read(raw)
