"""Paths: a file, a folder, an archive, or a pattern that matches files."""

from __future__ import annotations

import glob
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, BinaryIO

from lmcompare.corpora.compression import inner_name, most_bytes, read_bounded
from lmcompare.corpora.contents import PART, Content
from lmcompare.corpora.contract import Found
from lmcompare.corpora.files import RUN_FOLDER, Entry, entry_of, opened, read_file, shown, told_apart
from lmcompare.corpora.folders import entries_below, entries_of_paths, read_entries
from lmcompare.corpora.options import CorpusOptions
from lmcompare.errors import LmcompareError, one_line, suggest
from lmcompare.run_mark import is_run_folder

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


def read_path(path: Path, options: CorpusOptions) -> Found:
    """Read a file, the files of a folder or an archive, or those that a pattern such as ``books/*.txt`` matches.

    Raises
    ------
    LmcompareError
        If there is nothing at this path, it cannot be read, or there is no text in it.
    """
    if path.is_dir():
        if is_run_folder(path):
            raise LmcompareError(f"{shown(path)} is {RUN_FOLDER}, not a text; give the folder that the texts are in")
        if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
            raise LmcompareError(
                f"{shown(path)} is a data set that Hugging Face's datasets has saved; give it as hf:{shown(path)}"
            )
        found = read_entries(entries_below(path), options, shown(PurePath(path.resolve().name)))
        return replace(found, name=path.resolve().name, source=shown(path))
    if path.exists():
        entry = entry_of(path, shown(PurePath(path.name)))
        if entry.skip:
            raise LmcompareError(f"{entry.path} is {entry.skip}; give a file, or - for standard input")
        found = _read_one(entry.load(), entry.path, entry.name, options)
        return replace(found, name=path_name(path), source=shown(path))
    if matched := _matched(path):
        found = read_entries(entries_of_paths(matched), options, shown(path))
        return replace(found, name=path_name(path.absolute()), source=shown(path))
    raise missing_path(path)


def read_stream(stream: BinaryIO, options: CorpusOptions) -> Found:
    """Read standard input, whose format is known by its first bytes.

    Raises
    ------
    LmcompareError
        If it is longer than ``options.stdin_megabytes``, for it may never end, or cannot be read.
    """
    content = Content.of_parts(_parts(stream, options.stdin_megabytes))
    return replace(_read_one(content, "standard input", "stdin", options), name="stdin", source="standard input")


def _parts(stream: BinaryIO, megabytes: int) -> Iterator[bytes]:
    left = megabytes * 1_000_000
    while part := stream.read(PART):
        left -= len(part)
        if left < 0:
            raise LmcompareError(
                f"standard input is longer than {megabytes:,} MB; save it in a file and give the file, or raise the "
                "limit with --stdin-megabytes of 'lmcompare run' or stdin_megabytes in Python"
            )
        yield part


def path_name(path: PurePath) -> str:
    """Return the name of a corpus at a path: the name of a file without its suffix, or of a pattern's last folder."""
    if not is_pattern(path.name):
        return PurePath(inner_name(path.name)).stem
    return next((folder.name for folder in path.parents if not is_pattern(folder.name)), "")


def is_pattern(source: str) -> bool:
    """Return whether a path has one of the characters ``*``, ``?`` and ``[``, which match names of files."""
    return glob.has_magic(source)


def missing_path(path: Path) -> LmcompareError:
    """Return the error for a path where there is nothing; it suggests the file there with the nearest name."""
    if "\n" in str(path):
        return LmcompareError(f"'{str(path)[:30]}…' is a text and not a path; give texts as a list of strings")
    if is_pattern(path.name):
        return LmcompareError(f"no file matches {path}; check the pattern")
    if {"http:", "https:", "ftp:"} & set(path.parts):
        return LmcompareError(
            f"{str(path).replace(':/', '://', 1)} is an address, and lmcompare does not download texts; download it"
            " yourself, and give the file"
        )
    siblings = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
    return LmcompareError(f"there is no file or folder {path}{suggest(path.name, siblings)}; check the path")


def _read_one(content: Content, path: str, name: str, options: CorpusOptions) -> Found:
    """Read a file, or the files in it if it is an archive."""
    file = opened(content, path, name)
    if is_archive(file.content.head):
        return read_entries(entries_of(file.content, path), options, path)
    return read_file(file, options)


def _matched(path: Path) -> list[Path]:
    if not is_pattern(str(path)):
        return []
    # Of a file that a pattern reaches by several ways, by a link to a folder, the shortest is read.
    found = sorted((Path(each) for each in glob.glob(str(path), recursive=True)), key=lambda each: len(str(each)))
    return list({each.resolve(): each for each in reversed(found) if each.is_file()}.values())
