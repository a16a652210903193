"""From a corpus specification to documents: a scheme, a file, a folder, standard input, a given split, or texts."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from lmcompare.corpora.contract import CorpusScheme, Found, checked_found
from lmcompare.corpora.document import AS_SPLITS, SPLITS
from lmcompare.corpora.files import common_sentences, shown
from lmcompare.corpora.in_memory import read_split_texts, read_texts
from lmcompare.corpora.options import CorpusOptions
from lmcompare.corpora.paths import is_pattern, missing_path, read_path, read_stream
from lmcompare.corpora.registered import SCHEMES
from lmcompare.errors import LmcompareError, blamed_on, expanded, suggest, usable_path, working_directory

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
    return replace(found, name=found.name or argument or source, source=found.source or source)


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
