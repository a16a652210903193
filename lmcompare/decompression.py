"""Reads compressed files, and stops at one that expands more than text does, such as a decompression bomb."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from lmcompare.errors import LmcompareError

ALWAYS = 1 << 26
"""Bytes that the content of any compressed file may have, however small the file is."""


def bounded(stream: IO[bytes] | gzip.GzipFile, path: object, most: int, times: int) -> Iterator[bytes]:
    """Yield a stream of decompressed bytes in parts.

    Raises
    ------
    LmcompareError
        If there are more than ``most``, which is ``times`` the size of the compressed file at ``path``.
    """
    size = 0
    while part := stream.read(1 << 20):
        size += len(part)
        if size > most:
            raise LmcompareError(
                f"{path} becomes more than {times} times as large when it is decompressed, which text does not; "
                "decompress it yourself if you trust it, and give the file inside"
            )
        yield part


def gunzipped(path: Path, times: int = 100) -> Iterator[bytes]:
    """Yield the content of a gzip file in parts. Raises as ``bounded``."""
    with gzip.open(path) as stream:
        yield from bounded(stream, path, max(ALWAYS, times * path.stat().st_size), times)
