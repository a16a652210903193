"""Many files as one corpus: those of a folder, of an archive, or that a pattern such as ``books/*.txt`` matches."""

from __future__ import annotations

import codecs
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import NoReturn

from lmcompare.corpora.contents import binary_kind, encoding_of_mark, is_noise
from lmcompare.corpora.contract import File, Found
from lmcompare.corpora.document import Piece
from lmcompare.corpora.files import (
    Entry,
    Named,
    common_sentences,
    entry_of,
    format_of,
    read_as,
    shown,
    told_apart,
    unreadable,
)
from lmcompare.corpora.options import CorpusOptions
from lmcompare.corpora.registered import FormatFinder
from lmcompare.corpora.split_files import WHICH, listed, recognised
from lmcompare.errors import LmcompareError
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
    finder = FormatFinder(options.file_format)
    files = _Sorted()
    for entry in entries:
        if entry.skip:
            files.unusable[entry.name] = entry.skip
            continue
        named = finder.by_suffix(PurePosixPath(entry.name).suffix.lower())
        if named is not None and named[1].table:
            files.tables[entry.name] = entry, named  # read only if it is needed
            continue
        file = entry.open()
        named = format_of(file, finder)
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
        reasons.setdefault(f" because {'it is' if _alone(files, why) else 'they are'} {why}", []).append(name)
    return tuple(f"Left out of {where}{why}: {listed(names)}." for why, names in reasons.items())


def _alone(files: _Sorted, why: str) -> bool:
    return list(files.unusable.values()).count(why) == 1


def _is_about(name: str) -> bool:
    return PurePosixPath(name).name.lower().startswith(_ABOUT)


def _words(found: Iterable[Found]) -> int:
    return sum(piece.words for each in found for piece in each.all_pieces())
