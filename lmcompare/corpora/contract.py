"""What a corpus format and a corpus scheme are: one function each, with a description.

A *format* reads the content of a file: ``.csv``, ``.parquet``, a format of your own. A *scheme* reads a corpus that
has a name instead of a path: ``lee``, ``nltk:brown``. Both return a `Found`, the documents before they are split and
cut into sentences. `lmcompare.corpora.contract` finds them by entry points, so that a package can add its own.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import get_args

from lmcompare.corpora.contents import Content, decoded, decoded_lines
from lmcompare.corpora.document import SPLITS, Piece, ReadFile, has_utf8
from lmcompare.corpora.options import CorpusOptions, SentenceMarks
from lmcompare.errors import PluginError, blamed_on, kind_of
from lmcompare.registry import Registry


@dataclass(frozen=True)
class File:
    """The content of a file, as a format receives it.

    Parameters
    ----------
    content : Content
        The content; that of a compressed file after it was decompressed. It is read when it is asked for.
    path : str
        The path, for error messages.
    name : str
        The name that the documents of this file get: its name, or its path inside the folder that is read.
    suffix : str
        The suffix in lower case, such as ``".csv"``; that of ``a.csv.gz`` is ``".csv"``.
    """

    content: Content
    path: str
    name: str
    suffix: str = ""

    @property
    def raw(self) -> bytes:
        """All bytes of the file; ``content.open()`` gives a stream of them."""
        return self.content.read()

    def text(self, encoding: str) -> str:
        """Return the decoded content, without a byte order mark; line ends stay as they are.

        Raises
        ------
        LmcompareError
            If the file is not text, is not valid in this encoding (with the offset of the first wrong byte), or has
            no text in it.
        """
        return "".join(decoded(self.content, encoding, self.path))

    def lines(self, encoding: str, newline: str = "\n") -> Iterator[str]:
        """Yield the decoded lines with their ends, for a file that may be longer than memory.

        ``newline`` is what ends a line; "" for any of the usual line ends. It raises the errors of ``text``.
        """
        return decoded_lines(self.content, encoding, self.path, newline)


@dataclass(frozen=True)
class Found:
    """What a format or a scheme has read.

    Parameters
    ----------
    pieces : tuple of Piece
        The name, text and metadata of each document.
    splits : mapping of str to tuple of Piece, optional
        The documents of "train", "valid" and "test", for a corpus that is already split; ``pieces`` is then empty.
        Without "valid", the validation text is taken out of the training text.
    one_text : bool
        The only piece is a running text without document boundaries: it is split at line ends in its own order.
    table : bool
        The source has columns, and the option ``text_column`` was used. Set by schemes; a format declares it.
    kind : str
        What the documents are, which decides what tokenizers can cut them: "text", or "series" of numbers, as
        ``lmcompare.corpora.series`` writes them, whose splits are final. lmcompare fills it in: a scheme declares it.
    sentences : str
        How sentences are found unless the options say otherwise: "line" or "punkt".
    notes : tuple of str
        Sentences for the report: how the text was cleaned, what was left out.
    said : tuple of str
        Sentences for the terminal and the report: how files were interpreted, what was left out.
    name : str
        The name of the corpus; "" for the name in the corpus specification.
    source : str
        Where the text comes from, for the report; "" for the corpus specification.
    files : tuple of ReadFile
        The files that were read. lmcompare fills it in for a format; a scheme may.
    """

    pieces: tuple[Piece, ...] = ()
    splits: Mapping[str, tuple[Piece, ...]] | None = None
    one_text: bool = False
    table: bool = False
    kind: str = "text"
    sentences: SentenceMarks = "line"
    notes: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    name: str = ""
    source: str = ""
    files: tuple[ReadFile, ...] = ()

    def all_pieces(self) -> list[Piece]:
        """Return the pieces of a corpus that is split or not, in order."""
        return [*self.pieces, *(piece for which in SPLITS for piece in (self.splits or {}).get(which, ()))]


@dataclass(frozen=True)
class CorpusFormat:
    """A format of files.

    Parameters
    ----------
    description : str
        What such a file contains, for ``lmcompare corpora``.
    suffixes : tuple of str
        The suffixes of such files, in lower case, with the full stop: ``(".csv",)``.
    read : callable
        ``read(file, options)`` takes a `File` and the `CorpusOptions` and returns a `Found`. It raises
        `LmcompareError`, one sentence, for a file that it cannot read.
    first_bytes : tuple of bytes
        What a file of this format can begin with, for files without a known suffix.
    table : bool
        A file has many documents and a column with their text, which the option ``text_column`` names. In a folder
        tables are read only if there are no other files with text.
    """

    description: str
    suffixes: tuple[str, ...]
    read: Callable[[File, CorpusOptions], Found]
    first_bytes: tuple[bytes, ...] = ()
    table: bool = False


@dataclass(frozen=True)
class CorpusScheme:
    """A way to read corpora that have a name.

    Parameters
    ----------
    description : str
        What it reads, for ``lmcompare corpora``.
    read : callable
        ``read(name, options)`` takes what follows the colon in the corpus specification ("brown" of ``nltk:brown``)
        and the `CorpusOptions`, and returns a `Found`. It raises `LmcompareError`, one sentence, for a corpus that it
        cannot read.
    argument : str
        What follows the colon, for ``lmcompare corpora``, such as ``"NAME"``; "" for a scheme that is one corpus
        and has no colon.
    examples : tuple of str
        Names that can follow the colon, suggested if a name is not known.
    placed : callable
        ``placed(name, folder)`` returns the name with a relative path in it from a folder on; by default the name.
    kind : str
        What its corpora are, as ``Found.kind`` says it: an experiment must know it before the corpus is read.
    missing : callable
        ``missing()`` returns why the scheme cannot be used on this machine, or "". It should not import much.
    file : callable, optional
        ``file()`` returns the path of the file that an embedded corpus is read from, and of nothing else.
    """

    description: str
    read: Callable[[str, CorpusOptions], Found]
    argument: str = ""
    examples: tuple[str, ...] = ()
    placed: Callable[[str, Path], str] = lambda name, folder: name
    kind: str = "text"
    missing: Callable[[], str] = lambda: ""
    file: Callable[[], Path] | None = None


def checked_format(found: object, name: str) -> CorpusFormat:
    """Return ``found`` if it is a format; raise `PluginError` if not."""
    if not isinstance(found, CorpusFormat):
        raise PluginError(f"corpus format '{name}' is {kind_of(found)}, not an lmcompare.corpora.CorpusFormat")
    if not all(isinstance(s, str) and s.startswith(".") and s == s.lower() for s in found.suffixes):
        raise PluginError(
            f"corpus format '{name}' has the suffixes {found.suffixes!r}; give them in lower case with a full stop, "
            "such as ('.csv',)"
        )
    return found


def checked_scheme(found: object, name: str) -> CorpusScheme:
    """Return ``found`` if it is a scheme; raise `PluginError` if not."""
    if not isinstance(found, CorpusScheme):
        raise PluginError(f"corpus scheme '{name}' is {kind_of(found)}, not an lmcompare.corpora.CorpusScheme")
    return found


def checked_found(found: object, whose: str) -> Found:
    """Check what a format or a scheme has returned.

    Parameters
    ----------
    found : object
        What it returned.
    whose : str
        Its name in error messages, such as ``"corpus format 'csv'"``.

    Raises
    ------
    PluginError
        If it is not a `Found`, has no text, a field of it is of another type, or a name, text or metadata value is
        not text that UTF-8 can store.
    """
    if not isinstance(found, Found):
        raise PluginError(f"{whose} returned {kind_of(found)}, not an lmcompare.corpora.Found")
    _check_fields(found, whose)
    pieces = found.all_pieces()
    for number, piece in enumerate(pieces, 1):
        if not isinstance(piece, Piece):
            raise PluginError(
                f"{whose} returned {kind_of(piece)} as document {number:,}, not an lmcompare.corpora.Piece"
            )
        if not isinstance(piece.metadata, Mapping):
            raise PluginError(
                f"{whose} returned {kind_of(piece.metadata)} as the metadata of document {number:,}, not a mapping"
            )
        strings = (piece.name, piece.text, *piece.metadata, *piece.metadata.values())
        if not all(map(_is_text, strings)):
            raise PluginError(
                f"{whose} returned a name, text or metadata value of document {number:,} that is not a string that "
                "UTF-8 can store"
            )
        if not piece.name:
            raise PluginError(f"{whose} returned no name for document {number:,}; give every document a name")
    if not any(piece.text.strip() for piece in pieces):
        raise PluginError(f"{whose} returned no text; raise an LmcompareError if there is none")
    if found.splits is not None and (found.pieces or {*found.splits, "valid"} != set(SPLITS)):
        raise PluginError(
            f"{whose} returned splits that are not train, test and, if there is one, valid, or returned pieces "
            "beside the splits"
        )
    if found.one_text and len(found.pieces) != 1:
        raise PluginError(f"{whose} returned {len(found.pieces):,} documents as one text; return a single document")
    return found


def _check_fields(found: Found, whose: str) -> None:
    """Raise ``PluginError`` for a field of the wrong type: a later error would not name the plug-in."""
    splits = {} if found.splits is None else found.splits
    if not isinstance(splits, Mapping):
        raise PluginError(f"{whose} returned {kind_of(splits)} as splits, not a mapping of train, valid and test")
    of_splits = {f"splits['{which}']": each for which, each in splits.items()}
    for name, value in {"pieces": found.pieces, **of_splits}.items():
        if not isinstance(value, tuple | list):
            raise PluginError(f"{whose} returned {kind_of(value)} as {name}, not a tuple of lmcompare.corpora.Piece")
    for name in ("name", "source"):
        if not _is_text(getattr(found, name)):
            raise PluginError(f"{whose} returned a {name} that is not text: {reprlib.repr(getattr(found, name))}")
    for name in ("notes", "said", "files"):
        values, kind = getattr(found, name), "ReadFile" if name == "files" else "texts"
        fits = _is_file if name == "files" else _is_text
        if not isinstance(values, tuple | list) or not all(map(fits, values)):
            raise PluginError(f"{whose} returned {name} that are not a tuple of {kind}: {reprlib.repr(values)}")
    if found.sentences not in get_args(SentenceMarks):
        raise PluginError(
            f"{whose} returned {reprlib.repr(found.sentences)} as sentences, which must be one of "
            f"{', '.join(get_args(SentenceMarks))}"
        )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and has_utf8(value)


def _is_file(value: object) -> bool:
    return isinstance(value, ReadFile)


FORMATS = Registry("lmcompare.corpus_formats", "corpus format", checked_format)
SCHEMES = Registry("lmcompare.corpus_schemes", "corpus scheme", checked_scheme)


@dataclass(frozen=True)
class CatalogueEntry:
    """A line of ``lmcompare corpora``.

    Parameters
    ----------
    name : str
        What the user writes: ``lee``, ``nltk:NAME``; for a format, its name.
    description : str
        What is read.
    available : bool
        Whether it can be used on this machine.
    reason : str
        Why it cannot be used, or "".
    suffixes : tuple of str
        The suffixes of a format.
    """

    name: str
    description: str
    available: bool
    reason: str
    suffixes: tuple[str, ...] = ()


def catalogue() -> tuple[CatalogueEntry, ...]:
    """Return the schemes: the corpora that can be asked for by name. No corpus is read."""

    def entry(name: str) -> CatalogueEntry:
        scheme = SCHEMES.resolve(name)
        with blamed_on(f"corpus scheme '{name}'"):
            reason = scheme.missing()
        shown = f"{name}:{scheme.argument}" if scheme.argument else name
        return CatalogueEntry(shown, scheme.description, not reason, reason)

    return _entries(SCHEMES, entry)


def format_catalogue() -> tuple[CatalogueEntry, ...]:
    """Return the formats of files that can be read."""

    def entry(name: str) -> CatalogueEntry:
        each = FORMATS.resolve(name)
        return CatalogueEntry(name, each.description, True, "", each.suffixes)

    return _entries(FORMATS, entry)


def _entries(
    registry: Registry[CorpusFormat] | Registry[CorpusScheme], entry: Callable[[str], CatalogueEntry]
) -> tuple[CatalogueEntry, ...]:
    """The entries of all installed plug-ins; one that cannot be imported says why."""
    found = []
    for name in chain(*_own_and_others(registry)):
        try:
            found.append(entry(name))
        except PluginError as error:
            found.append(CatalogueEntry(name, "", False, str(error)))
    return tuple(found)


def format_for(suffix: str, head: bytes = b"", named: str | None = None) -> tuple[str, CorpusFormat] | None:
    """Return the name and the format of files that begin like ``head``, or else have this suffix, or None.

    Built-in formats go first: those of other packages are imported only for a file that no built-in format claims. A
    format that the user has ``named`` is that of all files.
    """
    for group in _own_and_others(FORMATS) if named is None else ([named],):
        formats = [(name, FORMATS.resolve(name)) for name in group]
        begun = (pair for pair in formats if head.startswith(pair[1].first_bytes))
        ending = (pair for pair in formats if suffix in pair[1].suffixes or pair[0] == named)
        if found := next(chain(begun, ending), None):
            return found
    return None


def _own_and_others(registry: Registry[CorpusFormat] | Registry[CorpusScheme]) -> tuple[list[str], list[str]]:
    """The names of a registry: those of lmcompare, and those of other packages."""
    names = sorted(registry.installed())
    own = [name for name in names if registry.is_built_in(name)]
    return own, [name for name in names if name not in own]
