"""From a corpus specification to documents: a scheme, a file, a folder, standard input, a given split, or texts."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from lmcompare.corpora.contents import Content
from lmcompare.corpora.contract import SCHEMES, CorpusScheme, File, Found, checked_found
from lmcompare.corpora.document import AS_SPLITS, SPLITS, Piece, has_utf8
from lmcompare.corpora.files import common_sentences, shown
from lmcompare.corpora.formats import documents_of_rows
from lmcompare.corpora.options import CorpusOptions
from lmcompare.corpora.paths import is_pattern, missing_path, read_path, read_stream
from lmcompare.corpora.splits import split_named
from lmcompare.errors import LmcompareError, blamed_on, expanded, kind_of, suggest, usable_path, working_directory

_NAME, _SOURCE = "documents", "documents given in memory"


def read_texts(texts: object, options: CorpusOptions, name: str = "document") -> Found:
    """Read texts, one document each, or rows of a table with a column of text.

    Parameters
    ----------
    texts : iterable of str or of mappings, pandas.DataFrame or pandas.Series
        The texts, or rows that have the text under the key "text" or the one that ``options.text_column`` names.
    options : CorpusOptions
    name : str
        What the documents are called, before their number.

    Raises
    ------
    LmcompareError
        If these are no texts, or none of them has text.
    """
    rows = _rows(texts)
    first = next(rows, "")
    rows = chain([first], rows)
    if isinstance(first, Mapping):
        table = File(Content(b""), "the table", name)
        found = documents_of_rows(((n, _row(row, n)) for n, row in enumerate(rows, 1)), table, options, "row")
        return Found(found.pieces, table=True, notes=found.notes, name=_NAME, source=_SOURCE)
    pieces, blank = [], 0
    for number, text in enumerate(rows, 1):
        if not isinstance(text, str):
            raise LmcompareError(f"{name} {number:,} is {kind_of(text)}, not a text; give a sequence of strings")
        if not has_utf8(text):
            raise LmcompareError(f"{name} {number:,} has a lone surrogate, which is not text; decode it correctly")
        blank += not text.strip()
        if text.strip():
            pieces.append(Piece(f"{name} {number}", text))
    if not pieces:
        raise LmcompareError(f"there is no text in the {name}s given; give at least one string that is not blank")
    notes = (f"Documents without text that were left out: {blank:,}.",) if blank else ()
    return Found(tuple(pieces), notes=notes, name=_NAME, source=_SOURCE)


def read_split_texts(split: Mapping[str, object], options: CorpusOptions) -> Found:
    """Read a mapping of "train", "test" and, if there is one, "valid" to texts.

    The other words for these splits, such as "validation", are known too.

    Raises
    ------
    LmcompareError
        If a split is missing or not known, or has no text.
    """
    found: dict[str, Found] = {}
    for key, texts in split.items():
        which = split_named(key)
        if which is None:
            raise LmcompareError(f"unknown split '{key}'{suggest(str(key), SPLITS)}; give {', '.join(SPLITS)}")
        if which in found:
            raise LmcompareError(f"{which} is given twice; give each of {', '.join(SPLITS)} once")
        found[which] = read_texts(texts, options, f"{which} document")
    missing = [which for which in ("train", "test") if which not in found]
    if missing:
        raise LmcompareError(
            f"the mapping has no {' and no '.join(missing)}; give train, test and, if you like, valid, or one list, "
            "which is then split"
        )
    return Found(
        splits={which: found[which].pieces for which in SPLITS if which in found},
        table=any(each.table for each in found.values()),
        notes=tuple(note for each in found.values() for note in each.notes),
        name=_NAME,
        source=_SOURCE,
    )


def _rows(texts: object) -> Iterator[Any]:
    if hasattr(texts, "to_dict") and hasattr(texts, "columns"):  # a pandas.DataFrame
        if not getattr(texts.columns, "is_unique", True):  # other libraries refuse such tables themselves
            raise LmcompareError("the table has several columns of the same name; give each a name of its own")
        return iter(texts.to_dict("records"))
    single = isinstance(texts, str | bytes | Mapping) or getattr(texts, "shape", None) == ()  # numpy.array("a text")
    if single or not isinstance(texts, Iterable):
        raise LmcompareError(
            "a corpus in memory must be a list of texts, a table or a mapping of splits to these, not "
            f"{kind_of(texts)}"
        )
    return iter(texts)


def _row(row: object, number: int) -> dict[str, Any]:
    """A row as a dictionary, without missing values: pandas and numpy have NaN there."""
    if not isinstance(row, Mapping):
        raise LmcompareError(
            f"row {number:,} is {kind_of(row)}, but the first row is a mapping; give rows of one kind"
        )
    return {str(key): None if _is_missing(value) else value for key, value in row.items()}


def _is_missing(value: object) -> bool:
    try:
        return bool(value != value)
    except ValueError:  # an array
        return False


Source = str | os.PathLike[str] | Mapping[str, Any] | Iterable[Any]

_OWN_SCHEME = re.compile(r"([^:]+\.py:\w+)(?::(.*))?", re.DOTALL)  # ./file.py:NAME and what follows a second colon


def read_source(source: Source, options: CorpusOptions, base: Path, stdin: BinaryIO | None = None) -> Found:
    """Read the documents of a corpus specification, before they are split.

    Raises
    ------
    LmcompareError
        If there is no such corpus, or it cannot be read.
    """
    if isinstance(source, Mapping):
        if all(isinstance(value, str | os.PathLike) for value in source.values()):
            return _read_splits({which: os.fspath(path) for which, path in source.items()}, options, base)
        return read_split_texts(source, options)
    if isinstance(source, os.PathLike):
        return read_path(base / source, options)
    if not isinstance(source, str):
        return read_texts(source, options)
    if source == "-":
        if stdin is None and sys.stdin is None:  # it was closed before the program began
            raise LmcompareError("standard input is closed; pipe a text into lmcompare, or give a file")
        return read_stream(stdin or sys.stdin.buffer, options)
    if (scheme := _scheme_of(source)) is not None:
        return _read_scheme(source, *scheme, options, base)
    path = base / expanded(source)
    if source and not _exists(path, source):
        if _names_splits(source):
            return _read_splits(_parse_splits(source), options, base)
        if not is_pattern(source):
            raise _not_found(source, path, base)
    if not source.strip():
        raise LmcompareError(f"the corpus has no name; give a path, or one of the names {_names()}")
    return read_path(path, options)


def from_working_directory(source: str) -> str:
    """Return a specification with absolute paths; a path that does not exist stays as it was written."""
    here = working_directory()
    name, colon, argument = source.partition(":")
    if name in SCHEMES.installed():
        if not SCHEMES.is_built_in(name):
            return source  # code of other packages is not run for this
        scheme = SCHEMES.resolve(name)
        if bool(colon) == bool(scheme.argument):
            return f"{name}:{scheme.placed(argument, here)}" if colon else source
    path = here / expanded(source)
    if _exists(path, source):
        return str(path.resolve())
    if _names_splits(source):
        return ",".join(f"{which}={here / expanded(part)}" for which, part in _parse_splits(source).items())
    return str(path) if is_pattern(source) else source


def kind_of_source(source: str) -> str:
    """Return what a specification names, as its scheme declares it: "text", or "series" of numbers."""
    scheme = _scheme_of(source)
    return "text" if scheme is None else SCHEMES.resolve(scheme[0]).kind


def is_embedded(source: object) -> bool:
    """Return whether a specification names a corpus that is read from one file of an installed package."""
    scheme = _scheme_of(source) if isinstance(source, str) else None
    return scheme is not None and SCHEMES.is_built_in(scheme[0]) and SCHEMES.resolve(scheme[0]).file is not None


def files_of(source: object, base: Path) -> list[Path] | None:
    """Return the files that a corpus is read from, if they are known before it is read: of an embedded corpus, and of
    the paths of files and folders.
    """
    if isinstance(source, Mapping):
        return _below([base / expanded(str(each)) for each in source.values()])
    if not isinstance(source, str) or source == "-":
        return None
    if (scheme := _scheme_of(source)) is not None:
        found = SCHEMES.resolve(scheme[0]) if SCHEMES.is_built_in(scheme[0]) else None
        return None if found is None or found.file is None or found.missing() else [found.file()]
    path = base / expanded(source)
    paths = [path]
    if not _exists(path, source):
        if not _names_splits(source):
            return None
        paths = [base / expanded(part) for part in _parse_splits(source).values()]
    return _below(paths)


def _below(paths: Sequence[Path]) -> list[Path] | None:
    """Return the files among some paths and in the folders among them; None with pipes, or links inside folders."""
    inside = [path for each in paths if each.is_dir() for path in sorted(each.rglob("*"))]
    if any(path.is_symlink() for path in inside) or not all(path.is_file() or path.is_dir() for path in paths):
        return None
    return [path for path in (*paths, *inside) if path.is_file()]


def _names_splits(source: str) -> bool:
    """Whether a specification that is not a path has the form ``train=a.txt,test=b.txt``."""
    return re.match(rf"\s*({'|'.join(SPLITS)})\s*=" if is_pattern(source) else r"\s*\w+\s*=", source) is not None


def _scheme_of(source: str) -> tuple[str, str] | None:
    """The name of the scheme that a specification begins with, and what follows it; None for a path."""
    if own := _OWN_SCHEME.fullmatch(source):
        return own[1], own[2] or ""
    name, colon, rest = source.partition(":")
    if name in SCHEMES.installed() and bool(colon) == bool(SCHEMES.resolve(name).argument):
        return name, rest
    return None


def _read_scheme(source: str, name: str, argument: str, options: CorpusOptions, base: Path) -> Found:
    scheme = SCHEMES.resolve(name)
    whose = f"corpus scheme '{name}'"
    with blamed_on(whose):
        found = scheme.read(scheme.placed(argument, base), options)
    found = checked_found(found, whose)
    name = found.name or argument or source
    return replace(found, name=name, source=found.source or source, kind=scheme.kind)


def _schemes() -> dict[str, CorpusScheme]:
    return {name: SCHEMES.resolve(name) for name in SCHEMES.installed() if SCHEMES.is_built_in(name)}


def _names() -> str:
    return ", ".join(name for name, scheme in _schemes().items() if not scheme.argument)


def _not_found(source: str, path: Path, base: Path) -> LmcompareError:
    """The error for a specification that is neither a scheme nor a path; it suggests the nearest name."""
    if os.sep in source or path.suffix or "\n" in source:
        return missing_path(path)
    names = [*SCHEMES.installed()]
    for name, scheme in _schemes().items():
        names += [f"{name}:{example}" for example in scheme.examples]
    names += sorted(p.name for p in base.iterdir() if p.suffix != ".toml") if base.is_dir() else []
    with_argument = " or ".join(f"{name}:{each.argument}" for name, each in _schemes().items() if each.argument)
    return LmcompareError(
        f"'{source}' is not a file, a folder or the name of a corpus{suggest(source, names)}; give a path, one of "
        f"the names {_names()}, or {with_argument}"
        + ("" if base == Path() else "; on the command line, --corpus replaces the text of an experiment file")
    )


def _exists(path: Path, source: str) -> bool:
    """Whether there is something at ``path``; a text given instead of a path is an error of its own."""
    longest = max((len(part.encode(errors="replace")) for part in path.parts), default=0)
    if longest > 255 or len(source.encode(errors="replace")) > 4095 or "\0" in source:  # no system allows such a path
        raise LmcompareError(
            f"'{source[:30]}…' cannot be a path; give the path of a file or folder, or texts as a list of strings"
        )
    return path.exists()


def _parse_splits(source: str) -> dict[str, str]:
    """The paths of ``train=a.txt,valid=b.txt,test=c.txt``; a path may contain a comma."""
    paths: dict[str, str] = {}
    for part in re.split(r",(?=\s*\w+\s*=)", source):
        key, _, path = part.partition("=")
        if key.strip() in paths:
            raise LmcompareError(
                f"the corpus '{source}' gives {key.strip()} twice; give each of {', '.join(SPLITS)} once"
            )
        paths[key.strip()] = path.strip()
    return paths


def _part(found: Found, which: str, where: str) -> Found:
    """Return the documents of one split; from a folder that is itself split, only the split of this name."""
    if found.splits is None:
        return found
    if which not in found.splits:
        raise LmcompareError(
            f"{where} is itself split, but has no {which} text; give the file, as in {which}={where}/FILE"
        )
    said = f"{where} is itself split; only its {which} text is used."
    return replace(found, pieces=found.splits[which], splits=None, said=(said,))


def _read_splits(paths: Mapping[str, str], options: CorpusOptions, base: Path) -> Found:
    for key in paths:
        if key not in SPLITS:
            raise LmcompareError(f"unknown split '{key}'{suggest(key, SPLITS)}; give {', '.join(SPLITS)}")
    missing = [which for which in SPLITS if not paths.get(which) and (which in paths or which != "valid")]
    if missing:
        raise LmcompareError(
            f"the corpus names no {' and no '.join(missing)}; give {AS_SPLITS}, or give one file or folder, which is "
            "then split"
        )
    given = {which: base / expanded(paths[which]) for which in SPLITS if paths.get(which)}
    places = {
        which: usable_path(path, f"{which} must be the path of a file or folder") for which, path in given.items()
    }
    found = {which: _part(read_path(path, options), which, shown(path)) for which, path in places.items()}
    folders = {path.resolve().parent for path in places.values()}
    name = folders.pop().name if len(folders) == 1 else places["train"].stem
    return Found(
        splits={which: tuple(each.all_pieces()) for which, each in found.items()},
        table=any(each.table for each in found.values()),
        sentences=common_sentences(found.values()),
        notes=tuple(note for each in found.values() for note in each.notes),
        said=tuple(sentence for each in found.values() for sentence in each.said),
        name=name or "corpus",
        source=", ".join(f"{which} {shown(places[which])}" for which in places),
        files=tuple(file for each in found.values() for file in each.files),
    )
