"""Paths: a file, a folder, an archive, or a pattern that matches files."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePath
from typing import BinaryIO

from lmcompare.corpora.archives import entries_of, is_archive
from lmcompare.corpora.compression import inner_name
from lmcompare.corpora.contents import PART, Content
from lmcompare.corpora.contract import Found
from lmcompare.corpora.files import RUN_FOLDER, entry_of, opened, read_file, shown
from lmcompare.corpora.folders import entries_below, entries_of_paths, read_entries
from lmcompare.corpora.options import CorpusOptions
from lmcompare.errors import LmcompareError, suggest
from lmcompare.run_mark import is_run_folder


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
