"""Paths: a file, a folder, an archive, or a pattern that matches files."""

from __future__ import annotations

import codecs
import glob
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, BinaryIO, NoReturn

from lmcompare.corpora.contents import PART, Content, binary_kind, encoding_of_mark, is_noise
from lmcompare.corpora.contract import File, Found, format_for
from lmcompare.corpora.document import Piece
from lmcompare.corpora.files import (
    RUN_FOLDER,
    Entry,
    Named,
    common_sentences,
    entry_of,
    format_of,
    inner_name,
    most_bytes,
    opened,
    read_as,
    read_bounded,
    read_file,
    shown,
    told_apart,
    unreadable,
)
from lmcompare.corpora.options import CorpusOptions
from lmcompare.corpora.splits import WHICH, listed, recognised
from lmcompare.errors import LmcompareError, one_line, suggest
from lmcompare.run_mark import is_run_folder

_NO_TEXT = "not text"
_BLANK = b" \t\n\r\v\f\0\xef\xbb\xbf\xfe\xff"  # white space in UTF-8 and UTF-16, and marks of encodings
# Names of files that describe the data beside them
_ABOUT = ("readme", "license", "licence", "copying", "notice", "citation", "authors", "changelog", "contributing")


def entries_below(folder: Path) -> list[Entry]:
    """Return what is below a folder in the order of the paths, without hidden files; links are not followed.

    Raises
    ------
    LmcompareError
        If a folder cannot be read.
    """
    found: list[Path] = []
    for here, folders, files in os.walk(folder, onerror=_unreadable):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "__pycache__")
        found += [Path(here, file) for file in files if not file.startswith(".")]
        not_entered = [name for name in folders if _is_link_or_run(Path(here, name))]
        found += [Path(here, name) for name in not_entered]
        folders[:] = [name for name in folders if name not in not_entered]
    return _entries(found, folder)


def entries_of_paths(paths: Sequence[Path]) -> list[Entry]:
    """Return several files; their names start at the folder that is common to all."""
    runs = {folder for folder in {parent for path in paths for parent in path.parents} if is_run_folder(folder)}
    of_runs = {path: next((parent for parent in path.parents if parent in runs), None) for path in paths}
    found = {folder or path for path, folder in of_runs.items()}
    return _entries(found, Path(os.path.commonpath([path.parent for path in found])))


def _is_link_or_run(folder: Path) -> bool:
    return folder.is_symlink() or is_run_folder(folder)


def _entries(paths: Iterable[Path], folder: Path) -> list[Entry]:
    """Return what is at these paths; the names start at ``folder``."""
    seen = Counter[str]()  # two names that are not UTF-8 may be shown alike
    return [entry_of(path, told_apart(shown(path.relative_to(folder)), seen)) for path in sorted(paths)]


def _unreadable(error: OSError) -> NoReturn:
    raise unreadable(Path(error.filename), error)


@dataclass
class _Sorted:
    """The files of a folder by what they are, each text already read."""

    texts: dict[str, Found] = field(default_factory=dict)
    tables: dict[str, tuple[Entry, Named]] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)  # why a file has no text that can be read

    def only(self, names: Iterable[str]) -> _Sorted:
        """Return those with these names."""
        kept = set(names)
        return _Sorted(
            {name: each for name, each in self.texts.items() if name in kept},
            {name: each for name, each in self.tables.items() if name in kept},
            {name: why for name, why in self.unusable.items() if name in kept},
        )


def read_entries(entries: Iterable[Entry], options: CorpusOptions, where: str) -> Found:
    """Read several files: a split that their names show, or else a document for each text or each row of a table.

    Parameters
    ----------
    entries : iterable of Entry
        The files, in order.
    options : CorpusOptions
        How texts and tables are read.
    where : str
        The folder, for error messages and notes.

    Raises
    ------
    LmcompareError
        If no file has text, or the files can be understood in several ways.
    """
    files = _sorted(entries, options)
    named = [*files.texts, *files.tables, *(name for name, why in files.unusable.items() if why != _NO_TEXT)]
    split = recognised(sorted((n for n in named if not _is_about(n)), key=lambda n: PurePosixPath(n).parts))
    if split is not None:
        return _read_split(split, files, options, where)
    found = _documents(files, options, where)
    pieces = tuple(piece for name, each in found.items() for piece in _with_folder(each.pieces, name))
    one_text = len(found) == 1 and all(each.one_text for each in found.values())
    return replace(_joined(found.values()), pieces=pieces, one_text=one_text, said=_left_out(files, found, where))


def _sorted(entries: Iterable[Entry], options: CorpusOptions) -> _Sorted:
    files = _Sorted()
    for entry in entries:
        if entry.skip:
            files.unusable[entry.name] = entry.skip
            continue
        named = format_for(PurePosixPath(entry.name).suffix.lower(), named=options.file_format)
        if named is not None and named[1].table:
            files.tables[entry.name] = entry, named  # read only if it is needed
            continue
        file = entry.open()
        named = format_of(file, options)
        if not any(part.strip(_BLANK) for part in file.content.parts()):
            files.unusable[entry.name] = "empty"
        elif named is not None and named[1].table:
            files.tables[entry.name] = entry, named
        elif named is None and _is_binary(file, encoding := encoding_of_mark(file.content.head) or options.encoding):
            files.unusable[entry.name] = _NO_TEXT
        elif named is None and not _is_valid(file, encoding):
            files.unusable[entry.name] = f"not valid {encoding.upper()} (name the encoding with --encoding)"
        else:
            files.texts[entry.name] = read_as(named, file, options)
    return files


def _is_binary(file: File, encoding: str) -> bool:
    """Whether a file without a known suffix has other content than text, as far as can be seen."""
    head = file.content.head
    return bool(binary_kind(head)) or is_noise(head.decode(encoding, "ignore"))


def _is_valid(file: File, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for part in file.content.parts():
            decoder.decode(part)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _read_split(split: dict[str, list[str]], files: _Sorted, options: CorpusOptions, where: str) -> Found:
    """Read the files of a split that the folder has; the other files are left out."""
    found: dict[str, dict[str, Found]] = {}
    for which, names in split.items():
        of_split = files.only(names)
        if not of_split.texts and not of_split.tables:
            name, why = next(iter(of_split.unusable.items()))
            raise LmcompareError(
                f"{name} in {where} is {why}, and there is no other {which} text; replace it with a text file"
            )
        found[which] = _documents(of_split, options, where)
    read = {name: each for of_split in found.values() for name, each in of_split.items()}
    others = [name for name in files.texts if name not in read and not _is_about(name)]
    if _words(files.texts[name] for name in others) > _words(read.values()):
        raise LmcompareError(
            f"{where} has a split ({listed(list(read))}), but most of its text is in other files "
            f"({listed(others)}); {WHICH}"
        )
    said = "; ".join(f"{which}: {listed(list(of_split))}" for which, of_split in found.items())
    return replace(
        _joined(read.values()),
        splits={
            which: tuple(piece for name, each in of_split.items() for piece in _with_folder(each.pieces, name))
            for which, of_split in found.items()
        },
        said=(f"{where} is split already: {said}.", *_left_out(files, read, where)),
    )


def _documents(files: _Sorted, options: CorpusOptions, where: str) -> dict[str, Found]:
    """Choose the texts or the tables of a folder without a split."""
    about = {name for name in files.texts if _is_about(name)}
    of_suffix = Counter(PurePosixPath(name).suffix for name in files.texts if name not in about)
    texts = {
        name: each
        for name, each in files.texts.items()
        if name not in about or of_suffix[PurePosixPath(name).suffix] or not (of_suffix or files.tables)
    }
    if not texts and not files.tables:
        raise LmcompareError(
            f"{where} has no text files in it; put UTF-8 text files there (.txt, .md, …), or give another folder"
        )
    if not texts:
        return {name: _read_table(files, name, options) for name in files.tables}
    for name in files.tables:
        try:
            _read_table(files, name, options)
        except LmcompareError:  # such as a list of the texts, without a column of text
            continue
        raise LmcompareError(
            f"{where} has tables with text ({name}) and text files ({next(iter(texts))}); give only the files that "
            "are the corpus, such as --corpus 'FOLDER/*.txt'"
        )
    return texts


def _read_table(files: _Sorted, name: str, options: CorpusOptions) -> Found:
    entry, named = files.tables[name]
    return read_as(named, entry.open(), options)


def _joined(found: Iterable[Found]) -> Found:
    """Return the fields that apply to all files together, still without documents."""
    each = list(found)
    notes = tuple(note for one in each for note in one.notes)
    return Found(
        table=all(one.table for one in each),
        sentences=common_sentences(each),
        notes=notes,
        files=tuple(file for one in each for file in one.files),
    )


def _with_folder(pieces: Iterable[Piece], name: str) -> Iterable[Piece]:
    folder = PurePosixPath(name).parent.as_posix()
    return (Piece(piece.name, piece.stored, {"folder": folder, **piece.metadata}) for piece in pieces)


def _left_out(files: _Sorted, found: Iterable[str], where: str) -> tuple[str, ...]:
    """Say which files were not read, and why."""
    read = set(found)
    others = sorted(name for name in (*files.texts, *files.tables) if name not in read)
    reasons = {"": others} if others else {}
    for name, why in files.unusable.items():
        reasons.setdefault(f" as {why}", []).append(name)
    return tuple(f"Left out of {where}{why}: {listed(names)}." for why, names in reasons.items())


def _is_about(name: str) -> bool:
    return PurePosixPath(name).name.lower().startswith(_ABOUT)


def _words(found: Iterable[Found]) -> int:
    return sum(piece.words for each in found for piece in each.all_pieces())


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
