"""Parquet tables: each row is a document, its other columns are metadata."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lmcompare.corpora.contract import CorpusFormat, File, Found
from lmcompare.corpora.formats.tables import Row, documents_of_rows, unknown_column
from lmcompare.corpora.options import CorpusOptions
from lmcompare.errors import LmcompareError, one_line


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
