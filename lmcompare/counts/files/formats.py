"""N-gram models in files: which kind a file is, and what writes which kind."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Mapping
from pathlib import Path

from lmcompare.counts.files import arpa, arpa_reader, binary
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.tokens import IntArray, Vocabulary


def read(path: Path) -> tuple[BackoffTable, Vocabulary]:
    """Return the table and the words of an ARPA file, packed by gzip or not, or of a binary one, told by its content.

    Raises ``LmcompareError`` for what is none, or is damaged.
    """
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        head = b""  # the reader says what is wrong
    return binary.read(path) if binary.looks_like(head) else arpa_reader.read(path)


def formats(table: BackoffTable, places: IntArray) -> Mapping[str, Callable[[Vocabulary, Path], None]]:
    """Return what writes the table, by a file's suffix. ``places``: the order of words in an ARPA file."""

    def write_arpa(vocabulary: Vocabulary, path: Path) -> None:
        with path.open("w", encoding="utf-8", newline="\n") as out:
            arpa.write(table, vocabulary, places, out)

    def write_packed(vocabulary: Vocabulary, path: Path) -> None:
        with (
            path.open("wb") as file,
            gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed,  # no name, no time: same bytes
            io.TextIOWrapper(packed, encoding="utf-8", newline="\n") as out,
        ):
            arpa.write(table, vocabulary, places, out)

    def write_binary(vocabulary: Vocabulary, path: Path) -> None:
        binary.write(table, vocabulary, path)

    return {".arpa": write_arpa, ".arpa.gz": write_packed, binary.SUFFIX: write_binary}
