"""Tables of documents: CSV, TSV, JSON, JSON lines and Parquet."""

from __future__ import annotations

import csv
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from lmcompare.corpora import CorpusOptions, File, load
from lmcompare.corpora.contents import Content
from lmcompare.corpora.formats import read_csv, read_json, read_json_lines, read_parquet
from lmcompare.errors import LmcompareError

Row = tuple[str, str, dict[str, str]]


def read(text: str, suffix: str = ".csv", column: str = "text") -> tuple[list[Row], tuple[str, ...]]:
    reader = {".jsonl": read_json_lines, ".json": read_json}.get(suffix, read_csv)
    file = File(Content(text.encode()), "dir/t" + suffix, "t", suffix)
    found = reader(file, CorpusOptions(text_column=None if column == "text" else column))
    return [(p.name, p.text, dict(p.metadata)) for p in found.pieces], found.notes


def test_rows_are_documents_and_other_columns_metadata() -> None:
    rows, notes = read('genre,text,year\nnews,"one, ""two""\nthree",2001\nfiction,four,1999\n')
    assert rows == [
        ("t:2", 'one, "two"\nthree', {"genre": "news", "year": "2001"}),
        ("t:4", "four", {"genre": "fiction", "year": "1999"}),
    ]
    assert notes == ()


def test_tabs_and_json_lines() -> None:
    assert read("text\tgenre\na b\tx\n", ".tsv")[0] == [("t:2", "a b", {"genre": "x"})]
    lines = json.dumps({"text": "é", "n": 3, "tags": ["a"], "gone": None}) + "\n\n" + json.dumps({"text": "b"})
    assert read(lines, ".jsonl")[0] == [("t:1", "é", {"n": "3", "tags": '["a"]'}), ("t:3", "b", {})]


ROWS = [{"text": "é", "n": 3}, {"text": "b", "n": 4}]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ROWS),
        json.dumps(ROWS, indent=2),
        json.dumps({"version": 1, "data": ROWS}),  # one list in an object
        json.dumps({"text": ["é", "b"], "n": [3, 4]}),  # a list for each column
        json.dumps({"text": {"0": "é", "1": "b"}, "n": {"0": 3, "1": 4}}),  # what pandas writes
        "\n".join(map(json.dumps, ROWS)),  # JSON lines
    ],
)
def test_forms_of_json(text: str) -> None:
    rows, _ = read(text, ".json")
    assert [(content, metadata) for _, content, metadata in rows] == [("é", {"n": "3"}), ("b", {"n": "4"})]


def test_json_with_texts_alone() -> None:
    assert [row[:2] for row in read('["a", "b"]', ".json")[0]] == [("t:1", "a"), ("t:2", "b")]
    assert [row[1] for row in read('{"text": "a", "id": 7}', ".json")[0]] == ["a"]
    assert [row[1] for row in read('[{"body": "a"}]', ".json", "body")[0]] == ["a"]


@pytest.mark.parametrize("separator", [";", "\t", "|", ","])
def test_other_separators_are_seen_in_the_first_line(separator: str) -> None:
    rows, _ = read(f"genre{separator}text\nnews{separator}one\n")
    assert rows == [("t:2", "one", {"genre": "news"})]


def test_rows_without_text_are_counted() -> None:
    rows, notes = read('text,k\na,1\n"  ",2\n,3\n')
    assert [row[1] for row in rows] == ["a"]
    assert notes == ("Rows of t without text that were left out: 2.",)


def test_long_cells_are_read_and_the_limit_is_put_back() -> None:
    limit = csv.field_size_limit()
    assert len(read("text\n" + "a" * 200_000)[0][0][1]) == 200_000
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize(
    ("text", "suffix", "message"),
    [
        ("txet,k\na,1\n", ".csv", "dir/t.csv has no column 'text' .did you mean 'txet'.*--text-column"),
        ("text,text\na,b\n", ".csv", "several columns called 'text'"),
        ("text,k\na,1,2\n", ".csv", "more fields in line 2"),
        ('text,k\n"a,1\n', ".csv", "near line 2"),
        ("text\n   \n", ".csv", "no row with text"),
        (",".join(f"{'a' * 50}{n}" for n in range(300)) + "\n", ".csv", r": (a{40}…, ){11}a{40}… and 288 more\)"),
        ('{"text": "a"}\n{"texts": "b"}\n', ".jsonl", "no column 'text' in line 2 .did you mean 'texts'"),
        ('{"text": "a"}\nnot json\n', ".jsonl", "is not JSON in line 2"),
        ("[1]\n", ".jsonl", "no JSON object in line 1"),
        ('{"text": 5}\n', ".jsonl", "has 5, which is not text, in column 'text' of line 1"),
        ('{"text": "\\ud800"}\n', ".jsonl", "lone surrogate in line 1"),
        ('{"text": "a", "b": "\\ud800"}\n', ".jsonl", "lone surrogate in line 1"),
        ("[" * 100_000, ".jsonl", "is not JSON in line 1"),
        ('{"train": ["a"], "test": ["b"]}', ".json", "contains the splits train, test"),
        ('{"a": 1}', ".json", "dir/t.json has no list of documents"),
        ("[1, 2]", ".json", "has no list of documents"),
        ('{"text": ["a"], "n": [1, 2]}', ".json", "has no list of documents"),
        ('[{"text": "a"},]', ".json", "is not JSON .*line 1 column"),
        ('[{"texts": "a"}]', ".json", "no column 'text' in entry 1 .did you mean 'texts'"),
        ('["\\ud800"]', ".json", "lone surrogate in entry 1"),
    ],
)
def test_bad_tables_say_what_is_wrong(text: str, suffix: str, message: str) -> None:
    with pytest.raises(LmcompareError, match=message):
        read(text, suffix)


def written(columns: dict[str, Any]) -> bytes:
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.table(columns), sink)
    return bytes(sink.getvalue())


def read_columns(raw: bytes, column: str | None = None) -> list[Row]:
    found = read_parquet(File(Content(raw), "dir/t.parquet", "t", ".parquet"), CorpusOptions(text_column=column))
    return [(p.name, p.text, dict(p.metadata)) for p in found.pieces]


def test_rows_of_parquet_are_documents() -> None:
    raw = written({"text": ["é\nb", None, "c"], "n": [1, 2, 3], "tags": [["x"], [], None], "name": ["A", "B", "C"]})
    assert read_columns(raw) == [
        ("t:1", "é\nb", {"n": "1", "tags": '["x"]', "name": "A"}),
        ("t:3", "c", {"n": "3", "name": "C"}),
    ]
    assert read_columns(raw, "name")[1] == ("t:2", "B", {"n": "2", "tags": "[]"})


def test_other_columns_are_texts_without_quotation_marks() -> None:
    columns = {"text": ["a"], "price": [Decimal("1.50")], "day": [date(2020, 1, 2)], "raw": [b"x\xff"], "on": [True]}
    assert read_columns(written(columns))[0][2] == {
        "price": "1.50",
        "day": "2020-01-02",
        "raw": "x\\xff",
        "on": "true",
    }


def test_times_that_python_cannot_hold_are_texts() -> None:
    times = pyarrow.array([2**62, 0], pyarrow.timestamp("us"))
    far, near = read_columns(written({"text": ["a", "b"], "time": times}))
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
def test_bad_parquet(raw: bytes, message: str) -> None:
    with pytest.raises(LmcompareError, match=message):
        read_columns(raw)


def test_records_are_the_same_documents_in_every_format(tmp_path: Path) -> None:
    texts = [f"message {n} of {n * n % 7}, and no more" for n in range(30)]
    (tmp_path / "a.txt").write_text("\n".join(texts) + "\n")
    (tmp_path / "a.csv").write_text("text\n" + "".join(f'"{text}"\n' for text in texts))
    (tmp_path / "a.jsonl").write_text("".join(f'{{"text": "{text}"}}\n' for text in texts))
    parquet.write_table(pyarrow.table({"text": texts}), tmp_path / "a.parquet")
    found = [load(tmp_path / "a.txt", CorpusOptions(documents="line"))]
    found += [load(tmp_path / f"a.{kind}") for kind in ("csv", "jsonl", "parquet")]
    for which in ("train", "valid", "test"):
        of_kinds = [[(d.text, d.sentences) for d in corpus.split(which)] for corpus in found]
        assert of_kinds[0] == of_kinds[1] == of_kinds[2] == of_kinds[3]
