"""The files of a corpus: how each is compressed, what it contains, and the format in which it is read."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import IO, Any, BinaryIO

from lmcompare.corpora.contents import Content, binary_kind, encoding_of, is_object
from lmcompare.corpora.contract import FORMATS, CorpusFormat, File, Found, checked_found, format_for
from lmcompare.corpora.document import ReadFile
from lmcompare.corpora.options import CorpusOptions, SentenceMarks
from lmcompare.errors import LmcompareError, blamed_on, one_line
from lmcompare.memory import ALWAYS, bounded

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


TEXT = "text"  # the format of files that no other format claims
RUN_FOLDER = "a run folder of lmcompare"

Named = tuple[str, CorpusFormat]  # a format and its name


@dataclass(frozen=True)
class Entry:
    """A file that is read when it is needed.

    Parameters
    ----------
    name : str
        Its path inside the folder or the archive that is read, with forward slashes.
    path : str
        Its path for error messages.
    load : callable
        Returns its content, or raises `LmcompareError`.
    skip : str
        Why it is not read, such as "a link"; "" for an ordinary file.
    """

    name: str
    path: str
    load: Callable[[], Content]
    skip: str = ""

    def open(self) -> File:
        """Return the content, decompressed."""
        return opened(self.load(), self.path, self.name)


def entry_of(path: Path, name: str) -> Entry:
    """Return the entry of a file on disk; pipes and devices, which may never end, and folders are not read."""
    folder = "a link to a folder" if path.is_symlink() else RUN_FOLDER
    skip = "" if path.is_file() else folder if path.is_dir() else "not an ordinary file"
    return Entry(name, shown(path), lambda: _content_of(path), skip)


def told_apart(name: str, seen: Counter[str]) -> str:
    """Return a name, with a number if it is not the first of its kind; ``seen`` counts them."""
    seen[name] += 1
    return name if seen[name] == 1 else f"{name} ({seen[name]})"


def opened(content: Content, path: str, name: str) -> File:
    """Return a file as formats receive it: decompressed, with the suffix that names its format."""
    return File(decompressed(content, path, name), path, name, PurePath(inner_name(name)).suffix.lower())


def format_of(file: File, options: CorpusOptions) -> Named | None:
    """Return the format that a file has by its first bytes or its suffix; None if no format claims it.

    Without a suffix, a file whose first line is a JSON object has one in each line.
    """
    named = format_for(file.suffix, file.content.head, options.file_format)
    if named is None and not file.suffix and is_object(_first_line(file.content)):
        return format_for(".jsonl", named=options.file_format)  # standard input has no suffix
    return named


def _first_line(content: Content) -> bytes:
    """Return the first line of a file that may be a JSON object; one that is not may be cut off."""
    if not content.head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{"):
        return b""
    with content.open() as stream:
        return stream.readline()


def read_file(file: File, options: CorpusOptions) -> Found:
    """Read a file in the format that it has, as text if no format claims it."""
    return read_as(format_of(file, options), file, options)


def read_as(named: Named | None, file: File, options: CorpusOptions) -> Found:
    """Read a file in a format, or as text; any error but an `LmcompareError` is blamed on the format."""
    name, each = named or (TEXT, FORMATS.resolve(TEXT))
    whose = f"corpus format '{name}'"
    if not file.content.size:
        raise LmcompareError(f"{file.path} is empty; give a file with text in it")
    with blamed_on(whose):
        found = each.read(file, options)
    encoding = "" if binary_kind(file.content.head) else encoding_of(file.content, options.encoding)
    read = ReadFile(file.name, name, encoding, file.content.size)
    return replace(checked_found(found, whose), table=each.table, files=(read,))


def shown(path: PurePath) -> str:
    """Return a path with forward slashes; bytes of its name that are not UTF-8 become U+FFFD."""
    return os.fsencode(path.as_posix()).decode("utf-8", "replace")


def common_sentences(found: Iterable[Found]) -> SentenceMarks:
    """Return how sentences are found in several sources: by Punkt only if all of them say so."""
    return "punkt" if {each.sentences for each in found} == {"punkt"} else "line"


def _content_of(path: Path) -> Content:
    content = Content(path)
    try:
        content.head  # noqa: B018 (opens it)
    except OSError as error:
        raise unreadable(path, error) from None
    return content


def unreadable(path: Path, error: OSError) -> LmcompareError:
    """Return the error for a file or folder that the system does not let the user read."""
    reason = (error.strerror or str(error)).lower()
    return LmcompareError(f"{shown(path)} cannot be read ({reason}); give a file or folder that you can read")
