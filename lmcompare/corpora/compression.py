"""Compressed files, recognised by their first bytes: gzip, bzip2, xz and Zstandard."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO, Any, BinaryIO

from lmcompare.corpora.contents import Content
from lmcompare.decompression import ALWAYS, bounded
from lmcompare.errors import LmcompareError, one_line

MOST_TIMES = 250
"""A file may become this many times as large when it is decompressed; text becomes three to ten times as large."""


@dataclass(frozen=True)
class _Compression:
    name: str
    suffix: str
    first_bytes: tuple[bytes, ...]
    open: Callable[[BinaryIO], Any]  # to a binary stream


def _zstandard(stream: BinaryIO) -> object:
    import pyarrow  # half a second: only when it is needed

    return pyarrow.CompressedInputStream(stream, "zstd")


_BZIP2 = tuple(b"BZh%d" % level + block for level in range(1, 10) for block in (b"1AY&SY", b"\x17rE8P\x90"))
_COMPRESSIONS = (
    _Compression("gzip", ".gz", (b"\x1f\x8b\x08",), lambda stream: gzip.GzipFile(fileobj=stream)),
    _Compression("bzip2", ".bz2", _BZIP2, bz2.BZ2File),
    _Compression("xz", ".xz", (b"\xfd7zXZ\x00",), lzma.LZMAFile),
    _Compression("Zstandard", ".zst", (b"\x28\xb5\x2f\xfd",), _zstandard),
)
_BY_SUFFIX = {each.suffix: each for each in _COMPRESSIONS}


def decompressed(content: Content, path: str, name: str) -> Content:
    """Return the content of a compressed file; that of any other file as it is.

    Parameters
    ----------
    content : Content
        The content of the file.
    path : str
        Where the file is, for error messages.
    name : str
        Its name with the suffix.

    Raises
    ------
    LmcompareError
        If the file is damaged, has the suffix of a compression without being compressed, or becomes more than
        `MOST_TIMES` as large.
    """
    found = next((each for each in _COMPRESSIONS if content.head.startswith(each.first_bytes)), None)
    if found is None:
        named = _BY_SUFFIX.get(PurePath(name).suffix.lower())
        if named is not None and content.size:
            raise LmcompareError(
                f"{path} does not begin like a {named.name} file; copy it again, or give it a suffix that fits its "
                "content"
            )
        return content
    try:
        with content.open() as raw, found.open(raw) as stream:
            return read_bounded(stream, path, most_bytes(content))
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise LmcompareError(
            f"{path} is not a well-formed {found.name} file ({one_line(error)}); copy it again"
        ) from None


def most_bytes(content: Content) -> int:
    """Return how many bytes the content of a compressed file may have."""
    return max(ALWAYS, MOST_TIMES * content.size)


def read_bounded(stream: IO[bytes], path: str, most: int) -> Content:
    """Read a stream of decompressed bytes to its end.

    Raises
    ------
    LmcompareError
        If there are more than ``most``.
    """
    return Content.of_parts(bounded(stream, path, most, MOST_TIMES))


def inner_name(name: str) -> str:
    """Return the name of the file inside a compressed file: "a.csv" for "a.csv.gz"; other names stay."""
    path = PurePath(name)
    return path.with_suffix("").as_posix() if path.suffix.lower() in _BY_SUFFIX else name
