"""Text out of files, folders and standard input."""

from __future__ import annotations

import codecs
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from lmcompare.corpora.pieces import Piece
from lmcompare.corpora.tables import TABLE_SUFFIXES, read_table
from lmcompare.errors import LmcompareError, suggest

# Files so named are text: one that cannot be decoded is an error, not a file to pass over.
TEXT_SUFFIXES = frozenset({".txt", ".text", ".md", ".rst", ".cor", ".tok", ".tokens", ".raw", ".sent"})
_ENCODINGS = (
    "utf-8",
    "utf-16",
    "utf-32",
    "latin-1",
    "cp1252",
    "iso-8859-15",
    "gb18030",
    "shift_jis",
    "euc-kr",
    "koi8-r",
)


@dataclass(frozen=True)
class Found:
    """What a path led to: its texts, whether it is one text without document marks, whether it is a table with
    columns, and sentences for the report.
    """

    pieces: list[Piece]
    single: bool = False
    table: bool = False
    notes: tuple[str, ...] = ()


def check_encoding(encoding: str) -> None:
    """Raise `LmcompareError` where Python knows no text encoding of this name."""
    try:
        "".encode(encoding)
    except (LookupError, UnicodeError):
        raise LmcompareError(
            f"unknown encoding '{encoding}'{suggest(encoding, _ENCODINGS)}; give the name of a text encoding, "
            "such as utf-8 or latin-1"
        ) from None


def decode(raw: bytes, name: str, encoding: str) -> str:
    """Return the text of ``raw`` without a byte order mark; line ends stay as they are.

    Raises:
        LmcompareError: the bytes are not valid in this encoding (names the offset), or the text is empty.
    """
    if not raw:
        raise LmcompareError(f"{name} is empty; give a file with text in it")
    skip = 0
    if raw.startswith(codecs.BOM_UTF8) and codecs.lookup(encoding).name in {"utf-8", "utf-8-sig"}:
        skip, encoding = len(codecs.BOM_UTF8), "utf-8"
    try:
        text = raw[skip:].decode(encoding)
        text.encode("utf-8")  # some encodings can spell half a surrogate pair, which no text can hold
    except UnicodeDecodeError as error:
        at = skip + error.start
        raise LmcompareError(
            f"{name} is not valid {encoding.upper()}: byte {at:,} (0x{raw[at]:02x}) cannot be decoded; "
            "say how the file is encoded with --encoding, for example --encoding latin-1"
        ) from None
    except UnicodeEncodeError as error:
        raise LmcompareError(
            f"{name} holds a lone surrogate at character {error.start:,}, which is not text; say how the file is "
            "encoded with --encoding"
        ) from None
    if not text.strip():
        raise LmcompareError(f"{name} has no text in it, only white space; give a file with text in it")
    return text


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes, or raise `LmcompareError` with the system's reason."""
    try:
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise LmcompareError(f"{path} cannot be read ({reason}); give a file that you may read") from None


def missing_path(path: Path) -> LmcompareError:
    """The error for a path at which nothing is; suggests the file next to it with the nearest name."""
    siblings: list[str] = []
    if path.parent.is_dir():
        siblings = sorted(p.name for p in path.parent.iterdir())
    return LmcompareError(f"there is no file or folder {path}{suggest(path.name, siblings)}; check the path")


def shown(path: PurePath) -> str:
    """Return a path with forward slashes; bytes of its name that are no UTF-8 become U+FFFD."""
    return os.fsencode(path.as_posix()).decode("utf-8", "replace")


def read_path(path: Path, encoding: str, text_column: str | None = None) -> Found:
    """Read a file, a table of texts (``.csv``, ``.tsv``, ``.jsonl``) or a folder of these.

    Raises:
        LmcompareError: nothing is there, it cannot be read or decoded, or there is no text in it.
    """
    if not path.exists():
        raise missing_path(path)
    if path.is_dir():
        return _read_folder(path, encoding, text_column)
    text = decode(read_bytes(path), shown(path), encoding)
    name = shown(PurePath(path.name))
    if path.suffix.lower() in TABLE_SUFFIXES:
        pieces, notes = read_table(text, path.suffix.lower(), shown(path), name, text_column or "text")
        return Found(pieces, table=True, notes=notes)
    return Found([Piece(name, text)], single=True)


def _walk(folder: Path) -> list[Path]:
    found: list[Path] = []
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        found += [Path(here, file) for file in files if not file.startswith(".")]
    return sorted(found, key=lambda p: p.relative_to(folder).parts)


def _read_folder(folder: Path, encoding: str, text_column: str | None) -> Found:
    """One document a text file, in the order of their paths; tables are read where there is no other text."""
    pieces: list[Piece] = []
    tables: list[Path] = []
    left_out: list[str] = []
    empty: list[str] = []
    for path in _walk(folder):
        name = shown(path.relative_to(folder))
        suffix = path.suffix.lower()
        if suffix in TABLE_SUFFIXES:
            tables.append(path)
            continue
        raw = read_bytes(path)
        if not raw.strip():
            empty.append(name)
            continue
        if suffix not in TEXT_SUFFIXES and not _looks_like_text(raw, encoding):
            left_out.append(name)
            continue
        text = decode(raw, shown(path), encoding)
        pieces.append(Piece(name, text, {"folder": shown(path.parent.relative_to(folder))}))
    notes: list[str] = []
    as_table = not pieces
    if pieces:
        left_out += [shown(path.relative_to(folder)) for path in tables]
    else:
        for path in tables:
            name, where = (shown(p.relative_to(folder)) for p in (path, path.parent))
            text = decode(read_bytes(path), shown(path), encoding)
            rows, more = read_table(text, path.suffix.lower(), shown(path), name, text_column or "text")
            pieces += [Piece(row.name, row.text, {"folder": where, **row.metadata}) for row in rows]
            notes += more
    if not pieces:
        raise LmcompareError(
            f"the folder {folder} has no text files in it; put UTF-8 text files there (.txt, .md, …), "
            "or give another folder"
        )
    if left_out:
        notes.append(f"Left out of {folder.name} because they are not text: {_listed(left_out)}.")
    if empty:
        notes.append(f"Left out of {folder.name} because they are empty: {_listed(empty)}.")
    return Found(pieces, table=as_table, notes=tuple(notes))


def _looks_like_text(raw: bytes, encoding: str) -> bool:
    """Whether a file whose name does not say so holds text: it can be decoded, and has no NUL."""
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return "\0" not in text


def _listed(names: Sequence[str], shown: int = 5) -> str:
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more:,} more" if more > 0 else "")
