"""The formats of files: plain text, tables with a column of text, lines of JSON, and Parquet."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from lmcompare.corpora.contents import is_object
from lmcompare.corpora.contract import CorpusFormat, File, Found
from lmcompare.corpora.document import Piece, has_utf8
from lmcompare.corpora.options import CorpusOptions
from lmcompare.corpora.splits import listed, split_named
from lmcompare.errors import LmcompareError, not_parsed, one_line, suggest


def read_text(file: File, options: CorpusOptions) -> Found:
    """Return the decoded file as one text without document boundaries."""
    return Found((Piece(file.name, file.text(options.encoding)),), one_text=True)


# A file with one of these suffixes is text: if it cannot be decoded, that is an error even inside a folder.
TEXT = CorpusFormat(
    "plain text, UTF-8 unless --encoding names another encoding",
    (".txt", ".text", ".md", ".rst", ".cor", ".tok", ".tokens", ".raw", ".sent"),
    read_text,
)


Row = dict[str, Any]


def read_csv(file: File, options: CorpusOptions) -> Found:
    """Return a document for each row with text of a table with commas or, in a ``.tsv`` file, tabs.

    Raises
    ------
    LmcompareError
        If there is no such column, a row is not well-formed, or no row has text.
    """
    return documents_of_rows(_csv_rows(file, options), file, options)


def read_json_lines(file: File, options: CorpusOptions) -> Found:
    """Return a document for each line with text, a JSON object.

    Raises
    ------
    LmcompareError
        If there is no such column, a line is not a JSON object, or no line has text.
    """
    return documents_of_rows(_json_rows(file, options), file, options)


def read_json(file: File, options: CorpusOptions) -> Found:
    """Return the documents of a JSON file.

    It contains a list of objects or of texts; an object with one such list, or with a list for each column; one
    object with a text; or, as in ``.jsonl``, an object a line.

    Raises
    ------
    LmcompareError
        If the file is not JSON, has none of these forms, or no document has text.
    """
    text = file.text(options.encoding)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        if is_object(text.strip().partition("\n")[0]):
            return read_json_lines(file, options)
        raise LmcompareError(f"{file.path} is not JSON ({not_parsed(error)}); correct it there") from None
    rows = _rows_of_json(content, options.text_column or "text")
    if rows is None:
        splits = [key for key in content if split_named(key)] if isinstance(content, dict) else []
        if len(splits) > 1:
            raise LmcompareError(
                f"{file.path} contains the splits {listed(splits)}, but a file must be one list of documents; write "
                f"each split to a file of its own, such as {splits[0]}.json, and give the folder of these files"
            )
        raise LmcompareError(
            f"{file.path} has no list of documents in its JSON; write a list of texts, or a list of objects with the "
            "text of each under the key 'text' or the key that --text-column names"
        )
    return documents_of_rows(enumerate(rows, 1), file, options, "entry")


def documents_of_rows(
    rows: Iterable[tuple[int, Row]], file: File, options: CorpusOptions, unit: str = "line"
) -> Found:
    """Turn the rows of a table into documents named ``file:line``.

    Parameters
    ----------
    rows : iterable of tuple of int and dict
        The line on which a row starts (the number of the row in a binary table), and its columns.
    file : File
        The file that the rows come from.
    options : CorpusOptions
        ``text_column`` names the column with the text; the other columns become metadata, as text.
    unit : str
        What the numbers count, for error messages.

    Raises
    ------
    LmcompareError
        If a row lacks the column or has something else than text there, or no row has text.
    """
    column = options.text_column or "text"
    pieces: list[Piece] = []
    blank = 0
    for line, row in rows:
        if column not in row:
            raise unknown_column(file, column, row, f" in {unit} {line:,}")
        value = row[column]
        if value is not None and not isinstance(value, str):
            raise LmcompareError(
                f"{file.path} has {_as_text(value)[:40]}, which is not text, in column '{column}' of {unit} {line:,};"
                " name the column that contains the text with --text-column"
            )
        if not value or not value.strip():
            blank += 1
            continue
        metadata = {key: _as_text(v) for key, v in row.items() if key != column and v is not None}
        if not has_utf8("".join((value, *metadata, *metadata.values()))):
            raise LmcompareError(
                f"{file.path} has a lone surrogate in {unit} {line:,}, which is not text; correct it there"
            )
        pieces.append(Piece(f"{file.name}:{line}", value, metadata))
    if not pieces:
        raise LmcompareError(f"{file.path} has no row with text in column '{column}'; give a table with text in it")
    notes = (f"Rows of {file.name} without text that were left out: {blank:,}.",) if blank else ()
    return Found(tuple(pieces), notes=notes)


def unknown_column(file: File, column: str, columns: Iterable[str], where: str = "") -> LmcompareError:
    """Return the error for a table without the text column, with the nearest and all existing names."""
    names = [name if len(name) <= 40 else f"{name[:40]}…" for name in columns]
    there_are = ", ".join(names[:12]) + (f" and {len(names) - 12:,} more" if len(names) > 12 else "")
    return LmcompareError(
        f"{file.path} has no column '{column}'{where}{suggest(column, names)}; name the column that contains the "
        f"text with --text-column (there are: {there_are or 'none'})"
    )


def _csv_rows(file: File, options: CorpusOptions) -> Iterator[tuple[int, Row]]:
    column = options.text_column or "text"
    end = 0  # the last line of the row before
    lines = file.lines(options.encoding, newline="")
    first = next(lines, "")
    limit = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # many documents are longer than the usual 128 KB
    try:
        delimiter = "\t" if file.suffix == ".tsv" else _delimiter(first, column)
        reader = csv.DictReader(chain([first], lines), delimiter=delimiter, strict=True)
        columns = reader.fieldnames or []
        if column not in columns:
            raise unknown_column(file, column, columns)
        if columns.count(column) > 1:
            raise LmcompareError(f"{file.path} has several columns called '{column}'; give each a name of its own")
        end = reader.line_num
        for row in reader:
            start, end = end + 1, reader.line_num
            if None in row:
                raise LmcompareError(
                    f"{file.path} has more fields in line {start:,} than it has columns; put fields with commas in "
                    "double quotes"
                )
            yield start, row
    except csv.Error as error:
        raise LmcompareError(
            f"{file.path} is not a well-formed table near line {end + 1:,} ({error}); correct the quotes there"
        ) from None
    finally:
        csv.field_size_limit(limit)


def _delimiter(header: str, column: str) -> str:
    """The first character that separates the text column from others in the first line; a comma if none does."""
    header = header.rstrip("\r\n")
    return next((d for d in ",;\t|" if column in next(csv.reader([header], delimiter=d), ())), ",")


def _json_rows(file: File, options: CorpusOptions) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(file.lines(options.encoding), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else not_parsed(error)
            raise LmcompareError(
                f"{file.path} is not JSON in line {number:,} ({reason}); write one JSON object a line"
            ) from None
        if not isinstance(row, dict):
            raise LmcompareError(f"{file.path} has no JSON object in line {number:,}; write one object a line")
        yield number, row


def _rows_of_json(content: object, column: str) -> list[Row] | None:
    """The rows of a JSON value; None if it has none of the forms that `read_json` names."""
    if isinstance(content, dict):
        if isinstance(content.get(column), str):
            return [content]
        columns = {key: [*v.values()] if isinstance(v, dict) else v for key, v in content.items()}  # as pandas writes
        if isinstance(columns.get(column), list):
            lists = {key: v for key, v in columns.items() if isinstance(v, list)}
            if len(set(map(len, lists.values()))) > 1:
                return None
            return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
        of_objects = [v for v in content.values() if isinstance(v, list) and v and isinstance(v[0], dict | str)]
        content = of_objects[0] if len(of_objects) == 1 else None
    if not isinstance(content, list) or not all(isinstance(row, dict | str) for row in content):
        return None
    return [{column: row} if isinstance(row, str) else row for row in content]


def _as_text(value: object) -> str:
    """A metadata value as text: what JSON has, such as a nested column, as JSON."""
    if isinstance(value, dict | list | bool | int | float):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


CSV = CorpusFormat(
    "a table with separators such as commas: a document a row, the column 'text' or the one that --text-column names",
    (".csv", ".tsv"),
    read_csv,
    table=True,
)
JSON_LINES = CorpusFormat(
    "a JSON object a line: a document a line, the key 'text' or the one that --text-column names",
    (".jsonl", ".ndjson"),
    read_json_lines,
    table=True,
)
JSON = CorpusFormat(
    "a JSON list of objects or texts: a document each, the key 'text' or the one that --text-column names",
    (".json",),
    read_json,
    table=True,
)


def read_parquet(file: File, options: CorpusOptions) -> Found:
    """Return a document for each row with text.

    Raises
    ------
    LmcompareError
        If the file is not well-formed Parquet, there is no such column, or no row has text.
    """
    return documents_of_rows(_rows(file, options), file, options, "row")


def _rows(file: File, options: CorpusOptions) -> Iterator[tuple[int, Row]]:
    import pyarrow  # half a second: only when it is needed
    from pyarrow import parquet

    column = options.text_column or "text"
    try:
        table = parquet.ParquetFile(file.content.open())
        names = table.schema_arrow.names
        if column not in names:
            raise unknown_column(file, column, names)
        number = 0
        for batch in table.iter_batches():
            for row in _as_python(batch):
                number += 1
                yield number, row
    except (pyarrow.ArrowException, OSError, ValueError, UnicodeError) as error:
        raise LmcompareError(
            f"{file.path} is not well-formed Parquet ({one_line(error)[:200]}); write it again"
        ) from None


def _as_python(batch: Any) -> list[dict[str, Any]]:
    """Return the rows of a ``pyarrow.RecordBatch``; times that Python can't hold are texts."""
    import pyarrow

    try:
        rows: list[dict[str, Any]] = batch.to_pylist()
    except (OverflowError, ValueError):
        texts = [
            column.cast(pyarrow.string()) if pyarrow.types.is_temporal(column.type) else column
            for column in batch.columns
        ]
        rows = pyarrow.RecordBatch.from_arrays(texts, names=batch.schema.names).to_pylist()
    return rows


PARQUET = CorpusFormat(
    "a Parquet table: a document a row, the column 'text' or the one that --text-column names",
    (".parquet", ".pq"),
    read_parquet,
    first_bytes=(b"PAR1",),
    table=True,
)
