"""Zip and tar archives: the files in them, as if they were a folder."""

from __future__ import annotations

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import IO

from lmcompare.corpora.compression import most_bytes, read_bounded
from lmcompare.corpora.contents import Content
from lmcompare.corpora.files import Entry, shown, told_apart
from lmcompare.errors import LmcompareError, one_line

Opening = Callable[[], IO[bytes] | None]
Member = tuple[str, Opening, str]  # the path, how it is opened, and why it is not read, or ""

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_TAR_AT = 257  # the position of "ustar" in a tar archive
_DOCUMENTS = {"[Content_Types].xml": "an Office document", "mimetype": "an e-book or OpenDocument file"}
_DAMAGED = zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError


def is_archive(head: bytes) -> bool:
    """Return whether a file is a Zip or tar archive, by its first bytes."""
    return head.startswith(_ZIP) or head[_TAR_AT : _TAR_AT + 5] == b"ustar"


def entries_of(content: Content, path: str) -> list[Entry]:
    """Return the files of an archive in the order of their paths, without hidden files.

    Raises
    ------
    LmcompareError
        If the archive is damaged or encrypted, or is a document of a word processor.
    """
    left = [most_bytes(content)]  # bytes that all files together may still have
    try:
        members = list(_zip_members(content, path) if content.head.startswith(_ZIP) else _tar_members(content))
    except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, ValueError, NotImplementedError) as error:
        raise _damaged(path, error) from None
    entries, seen = [], Counter[str]()
    for name, opening, skip in sorted(members, key=lambda m: PurePosixPath(m[0]).parts):
        parts = PurePosixPath(name).parts
        if any(part == "__MACOSX" or (part.startswith(".") and part != "..") for part in parts):
            continue
        skip = "outside of the archive" if ".." in parts else skip
        own = told_apart(name, seen)  # an archive may have several files of one name
        entries.append(Entry(own, f"{own} in {path}", partial(_content, opening, f"{name} in {path}", left), skip))
    return entries


def _zip_members(content: Content, path: str) -> Iterator[Member]:
    archive = zipfile.ZipFile(content.open())
    for name, what in _DOCUMENTS.items():
        if name in archive.namelist():
            raise LmcompareError(f"{path} is {what}, not a text; save it as plain text")
    for member in archive.infolist():
        if not member.is_dir():
            skip = "a link" if stat.S_ISLNK(member.external_attr >> 16) else ""
            yield PurePosixPath(member.filename).as_posix(), partial(archive.open, member), skip


def _tar_members(content: Content) -> Iterator[Member]:
    archive = tarfile.open(fileobj=content.open())  # noqa: SIM115 (its files are opened later)
    for member in archive:
        if not member.isdir():
            skip = "" if member.isreg() else "a link" if member.issym() or member.islnk() else "not an ordinary file"
            yield shown(PurePosixPath(member.name)), partial(archive.extractfile, member), skip
    end = content.at(archive.offset, tarfile.BLOCKSIZE)
    if any(end) or not end:
        raise tarfile.ReadError("its end is missing, or a header in it is damaged")


def _content(opening: Opening, path: str, left: list[int]) -> Content:
    try:
        stream = opening()
        assert stream is not None, "only files of the archive are opened"
        with stream:
            content = read_bounded(stream, path, left[0])
    except RuntimeError as error:  # zipfile's error for an encrypted file
        raise LmcompareError(
            f"{path} cannot be read ({one_line(error)}); unpack the archive yourself, and give the folder"
        ) from None
    except (OSError, EOFError, NotImplementedError, *_DAMAGED) as error:
        raise _damaged(path, error) from None
    left[0] -= content.size
    return content


def _damaged(path: str, error: Exception) -> LmcompareError:
    return LmcompareError(f"{path} is not a well-formed archive ({one_line(error)}); copy it again")
