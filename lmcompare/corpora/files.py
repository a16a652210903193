"""Files and folders: which format a file has, and which files of a folder are read."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from lmcompare.corpora.contract import CorpusFormat, File, Found, checked_found
from lmcompare.corpora.options import CorpusOptions, SentenceMarks
from lmcompare.corpora.registered import FORMATS, FormatFinder
from lmcompare.errors import LmcompareError, blamed_on, suggest

_DECOMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
}
_TEXT = "text"  # the format of files that no other format claims


def read_path(path: Path, options: CorpusOptions) -> Found:
    """Read a file, or the files of a folder.

    Raises
    ------
    LmcompareError
        If there is nothing at this path, it cannot be read, or there is no text in it.
    """
    if not path.exists():
        raise missing_path(path)
    if path.is_dir():
        return replace(_read_folder(path, options), name=path.resolve().name, source=shown(path))
    found = _read_file(_open(path, shown(PurePath(path.name))), options)
    return replace(found, name=path.stem, source=shown(path))


def read_stream(raw: bytes, options: CorpusOptions) -> Found:
    """Read the content of standard input, whose format is known by its first bytes."""
    found = _read_file(File(raw, "standard input", "stdin"), options)
    return replace(found, name="stdin", source="standard input")


def missing_path(path: Path) -> LmcompareError:
    """Return the error for a path where there is nothing; it suggests the file there with the nearest name."""
    siblings: list[str] = []
    if path.parent.is_dir():
        siblings = sorted(p.name for p in path.parent.iterdir())
    return LmcompareError(f"there is no file or folder {path}{suggest(path.name, siblings)}; check the path")


def shown(path: PurePath) -> str:
    """Return a path with forward slashes; bytes of its name that are not UTF-8 become U+FFFD."""
    return os.fsencode(path.as_posix()).decode("utf-8", "replace")


def common_sentences(found: Iterable[Found]) -> SentenceMarks:
    """Return how sentences are found in several sources: by Punkt only if all of them say so."""
    return "punkt" if {each.sentences for each in found} == {"punkt"} else "line"


def _open(path: Path, name: str) -> File:
    """Read the bytes of a file, and decompress them if its last suffix says so."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise LmcompareError(f"{path} cannot be read ({reason}); give a file that you may read") from None
    compression = path.suffix.lower()
    if compression in _DECOMPRESS:
        try:
            raw = _DECOMPRESS[compression](raw)
        except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
            raise LmcompareError(
                f"{shown(path)} is not a well-formed {compression} file ({error}); copy it again"
            ) from None
    return File(raw, shown(path), name, _suffix(path))


def _suffix(path: Path) -> str:
    """The suffix that names the format: that of ``a.csv.gz`` is ``.csv``."""
    if path.suffix.lower() in _DECOMPRESS:
        path = path.with_suffix("")
    return path.suffix.lower()


def _read_file(file: File, options: CorpusOptions) -> Found:
    finder = FormatFinder(options.file_format)
    return _read_as(finder.by_suffix(file.suffix) or finder.by_first_bytes(file.raw), file, options)


def _read_as(named: tuple[str, CorpusFormat] | None, file: File, options: CorpusOptions) -> Found:
    """Read a file in a format, or as text; any error but an `LmcompareError` is blamed on the format."""
    name, each = named or (_TEXT, FORMATS.resolve(_TEXT))
    whose = f"corpus format '{name}'"
    if not file.raw:
        raise LmcompareError(f"{file.path} is empty; give a file with text in it")
    with blamed_on(whose):
        found = each.read(file, options)
    return replace(checked_found(found, whose), table=each.table)


def _walk(folder: Path) -> list[Path]:
    """The files below a folder in the order of their paths, without hidden ones."""
    found: list[Path] = []
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        found += [Path(here, file) for file in files if not file.startswith(".")]
    return sorted(found, key=lambda p: p.relative_to(folder).parts)


def _read_folder(folder: Path, options: CorpusOptions) -> Found:
    """Read all files with text in the order of their paths; tables are read only if there are no others."""
    finder = FormatFinder(options.file_format)
    found: list[tuple[Path, Found]] = []
    tables: list[tuple[Path, tuple[str, CorpusFormat]]] = []
    left_out: list[str] = []
    empty: list[str] = []
    for path in _walk(folder):
        name = shown(path.relative_to(folder))
        named = finder.by_suffix(_suffix(path))
        if named is not None and named[1].table:
            tables.append((path, named))
            continue
        file = _open(path, name)
        named = named or finder.by_first_bytes(file.raw)
        if not file.raw.strip():
            empty.append(name)
        elif named is not None and named[1].table:
            tables.append((path, named))
        elif named is None and not _looks_like_text(file.raw, options.encoding):
            left_out.append(name)
        else:
            found.append((path, _read_as(named, file, options)))
    if found:
        left_out += [shown(path.relative_to(folder)) for path, _ in tables]
    else:
        found = [
            (path, _read_as(named, _open(path, shown(path.relative_to(folder))), options)) for path, named in tables
        ]
    if not found:
        raise LmcompareError(
            f"the folder {folder} has no text files in it; put UTF-8 text files there (.txt, .md, …), "
            "or give another folder"
        )
    pieces = tuple(
        replace(piece, metadata={"folder": shown(path.parent.relative_to(folder)), **piece.metadata})
        for path, each in found
        for piece in each.pieces
    )
    notes = [note for _, each in found for note in each.notes]
    if left_out:
        notes.append(f"Left out of {folder.name} because they are not text: {_listed(left_out)}.")
    if empty:
        notes.append(f"Left out of {folder.name} because they are empty: {_listed(empty)}.")
    of_files = [each for _, each in found]
    table = all(each.table for each in of_files)
    return Found(pieces, table=table, sentences=common_sentences(of_files), notes=tuple(notes))


def _looks_like_text(raw: bytes, encoding: str) -> bool:
    """Whether a file without a known suffix contains text: it can be decoded, and has no NUL."""
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return "\0" not in text


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
