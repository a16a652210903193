"""Tables of texts: each row of a ``.csv``, ``.tsv`` or ``.jsonl`` file is a document, its other columns metadata."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator
from typing import Any

from lmcompare.corpora.document import has_utf8
from lmcompare.corpora.pieces import Piece
from lmcompare.errors import LmcompareError, suggest

TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".jsonl", ".ndjson"})

Row = dict[str, Any]


def read_table(text: str, suffix: str, path: str, name: str, text_column: str) -> tuple[list[Piece], tuple[str, ...]]:
    """Return a document for each row with text in ``text_column``, and sentences for the report.

    The other columns become metadata, as text. Documents are called ``name:line``, by the line a row starts on.

    Raises:
        LmcompareError: there is no such column, a row is not well-formed, or no row has text.
    """
    rows = _json_rows(text, path) if suffix in {".jsonl", ".ndjson"} else _csv_rows(text, suffix, path, text_column)
    pieces: list[Piece] = []
    blank = 0
    for line, row in rows:
        if text_column not in row:
            columns = ", ".join(row) or "none"
            raise LmcompareError(
                f"{path} has no column '{text_column}' in line {line:,}{suggest(text_column, row)}; name the column "
                f"that holds the text with --text-column (there are: {columns})"
            )
        value = row[text_column]
        if value is not None and not isinstance(value, str):
            raise LmcompareError(
                f"{path} holds no text but {json.dumps(value)[:40]} in column '{text_column}' of line {line:,}; name "
                "the column that holds the text with --text-column"
            )
        if not value or not value.strip():
            blank += 1
            continue
        if not has_utf8(value):
            raise LmcompareError(f"{path} holds a lone surrogate in line {line:,}, which is not text; mend that line")
        metadata = {key: _as_text(v) for key, v in row.items() if key != text_column and v is not None}
        pieces.append(Piece(f"{name}:{line}", value, metadata))
    if not pieces:
        raise LmcompareError(f"{path} has no row with text in column '{text_column}'; give a table with text in it")
    notes = (f"Rows of {name} without text that were left out: {blank:,}.",) if blank else ()
    return pieces, notes


def _csv_rows(text: str, suffix: str, path: str, text_column: str) -> Iterator[tuple[int, Row]]:
    dialect = "excel-tab" if suffix == ".tsv" else "excel"
    end = 0  # the last line of the row before
    limit = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # the usual 128 KB is shorter than many a document
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), dialect=dialect, strict=True)
        columns = reader.fieldnames or []
        if text_column not in columns:
            raise LmcompareError(
                f"{path} has no column '{text_column}'{suggest(text_column, columns)}; name the column that holds "
                f"the text with --text-column (there are: {', '.join(columns)})"
            )
        if columns.count(text_column) > 1:
            raise LmcompareError(f"{path} has several columns called '{text_column}'; give each a name of its own")
        end = reader.line_num
        for row in reader:
            start, end = end + 1, reader.line_num
            if None in row:
                raise LmcompareError(
                    f"{path} has more fields in line {start:,} than columns; put fields with commas in double quotes"
                )
            yield start, row
    except csv.Error as error:
        raise LmcompareError(
            f"{path} is not a well-formed table near line {end + 1:,} ({error}); mend the quotes there"
        ) from None
    finally:
        csv.field_size_limit(limit)


def _json_rows(text: str, path: str) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise LmcompareError(
                f"{path} is not JSON in line {number:,} ({error.msg}); write one JSON object a line"
            ) from None
        if not isinstance(row, dict):
            raise LmcompareError(f"{path} has no JSON object in line {number:,}; write one object a line")
        yield number, row


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
