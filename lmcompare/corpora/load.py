"""From a name, a path, a triple of paths or texts in memory to a corpus."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from lmcompare.corpora.catalogue import EMBEDDED
from lmcompare.corpora.document import SPLITS, Corpus, Document, has_utf8, text_fingerprint
from lmcompare.corpora.files import Found, decode, missing_path, read_path, shown
from lmcompare.corpora.nltk_data import PREFIX, WELL_KNOWN, read_nltk
from lmcompare.corpora.options import CorpusOptions
from lmcompare.corpora.pieces import Piece, cut_all
from lmcompare.corpora.rare import replace_rare
from lmcompare.corpora.sentences import PunktSplitter, Spans, block_sentences, line_sentences, whole_sentence
from lmcompare.corpora.splits import Split, overlap, split_by_hash, split_by_words, split_contiguously
from lmcompare.errors import LmcompareError, suggest

AS_IT_IS = CorpusOptions()
Source = str | os.PathLike[str] | Mapping[str, str] | Sequence[str]


@dataclass(frozen=True)
class _Read:
    """A source read into texts: to be split by hash or contiguously, or split already."""

    name: str
    source: str
    pieces: list[Piece]
    splits: dict[str, list[Piece]] | None = None
    single: bool = False
    table: bool = False  # it has columns
    prose: bool = False  # sentences are not marked by lines, unless the options say so
    notes: tuple[str, ...] = ()


def load(
    source: Source,
    options: CorpusOptions = AS_IT_IS,
    *,
    base: Path | None = None,
    stdin: BinaryIO | None = None,
) -> Corpus:
    """Read a corpus and split it into train, valid and test.

    Args:
        source: the name of an embedded corpus; "nltk:NAME" for one of NLTK's; the path of a text file, of a table
            (``.csv``, ``.tsv``, ``.jsonl``) or of a folder; "-" for standard input;
            "train=a.txt,valid=b.txt,test=c.txt" or a mapping of these keys to paths; or a sequence of texts, each a
            document. A name goes before a path: ``./lee`` is the file.
        options: how the text is read and cut.
        base: the folder that relative paths start from; default the working directory.
        stdin: what "-" reads; default standard input.

    Raises:
        LmcompareError: there is no such corpus, it cannot be read, or there is too little text in it.
    """
    from lmcompare.corpora.repeats import repeats, repeats_noted  # numpy, which a list of the corpora does not need

    options.check()
    read = _read(source, options, base or Path(), stdin)
    _check_column(read, options)
    as_read = [*read.pieces, *(piece for which in SPLITS for piece in (read.splits or {}).get(which, ()))]
    normalise = _normaliser(options)
    prepared = [replace(piece, text=normalise(piece.text)) for piece in read.pieces]
    notes = list(read.notes)
    split: Split
    if read.splits is not None:
        if options.train_words is not None:
            raise LmcompareError(
                "train, valid and test are given, and train_words and valid_words as well; leave the sizes out, or "
                "give one text as the source"
            )
        split = {
            which: [replace(piece, text=normalise(piece.text)) for piece in pieces]
            for which, pieces in read.splits.items()
        }
        split = {which: cut_all(pieces, options.documents or "file") for which, pieces in split.items()}
    elif options.train_words is not None and options.valid_words is not None:
        split, more = split_by_words(prepared, options.train_words, options.valid_words, read.name, read.source)
        split = {which: cut_all(pieces, options.documents or "file") for which, pieces in split.items()}
        notes += more
    elif read.single and options.documents in (None, "file"):
        split, more = split_contiguously(prepared[0], read.source)
        notes += more
    else:
        documents = cut_all(prepared, options.documents or "file")
        split, more = split_by_hash(documents, read.source, key=lambda text: _final(text, options))
        notes += more
    if read.splits is not None or all(len(pieces) == 1 for pieces in split.values()):
        notes += overlap(split)
    repeated = repeats(split)
    notes += repeats_noted(split, repeated)
    find = _sentence_finder(read, options, split["train"])
    read_splits = {
        which: tuple(
            _document(piece, find(piece.text), options, "" if repeat is None else repeat.kind)
            for piece, repeat in zip(split[which], repeated[which], strict=True)
        )
        for which in SPLITS
    }
    if options.rare_count is not None and options.rare_word is not None:
        read_splits, note = replace_rare(read_splits, options.rare_count, options.rare_word)
        notes.append(note)
    return Corpus(
        read.name,
        **read_splits,
        notes=tuple(notes),
        source=read.source,
        read=text_fingerprint(piece.text for piece in as_read),
        changes=options.changes,
    )


def read_documents(
    source: str | os.PathLike[str],
    options: CorpusOptions = AS_IT_IS,
    *,
    base: Path | None = None,
    stdin: BinaryIO | None = None,
) -> tuple[Document, ...]:
    """Read a file, a folder, a table or "-" as documents in their own order, without splitting them.

    Raises:
        LmcompareError: the source cannot be read, or there is no text in it.
    """
    options.check()
    if source == "-":
        read = _read_stdin(options, stdin)
    else:
        read = _read_file((base or Path()) / Path(source).expanduser(), options)
    _check_column(read, options)
    normalise = _normaliser(options)
    pieces = cut_all((replace(p, text=normalise(p.text)) for p in read.pieces), options.documents or "file")
    find = _sentence_finder(read, options, pieces)
    return tuple(_document(piece, find(piece.text), options) for piece in pieces)


def documents_of(texts: Iterable[str]) -> tuple[Document, ...]:
    """Return a document for each text; its lines are its sentences."""
    return tuple(Document(f"document {n}", text, line_sentences(text)) for n, text in enumerate(texts, 1))


def _check_column(read: _Read, options: CorpusOptions) -> None:
    if options.text_column is not None and not read.table:
        raise LmcompareError(
            f"{read.source} has no columns, thus no text column '{options.text_column}'; leave it out, or give "
            "a .csv, .tsv or .jsonl table"
        )


def _normaliser(options: CorpusOptions) -> Callable[[str], str]:
    return (lambda text: unicodedata.normalize("NFC", text)) if options.nfc else str


def _final(text: str, options: CorpusOptions) -> str:
    return text.lower() if options.lowercase else text


def _sentence_finder(read: _Read, options: CorpusOptions, train: list[Piece]) -> Callable[[str], Spans]:
    """Which sentences a text has; Punkt is trained on train, in its own letter case."""
    marked = options.documents in ("line", "blank-line")
    if (options.sentences or ("punkt" if read.prose and not marked else "line")) == "punkt":
        return PunktSplitter(piece.text for piece in train).spans
    if options.documents == "line":
        return whole_sentence
    return block_sentences if options.documents == "blank-line" else line_sentences


def _document(piece: Piece, spans: Spans, options: CorpusOptions, repeats: str = "") -> Document:
    """The document of a piece, in small letters if asked for; letters that grow move the spans after them."""
    text = _final(piece.text, options)
    if len(text) != len(piece.text):
        grown = [0]
        for character in piece.text:
            grown.append(grown[-1] + len(character.lower()))
        spans = tuple((grown[start], grown[end]) for start, end in spans)
    return Document(piece.name, text, spans, dict(piece.metadata), repeats)


def _read(source: Source, options: CorpusOptions, base: Path, stdin: BinaryIO | None) -> _Read:
    if isinstance(source, Mapping):
        return _read_triple(source, options, base)
    if isinstance(source, os.PathLike):
        return _read_file(base / source, options)
    if not isinstance(source, str):
        return _read_texts(source)
    if source == "-":
        return _read_stdin(options, stdin)
    if source in EMBEDDED:
        embedded = EMBEDDED[source]
        return _Read(source, embedded.source, embedded.read(), prose=True, notes=embedded.notes)
    if source.startswith(PREFIX):
        name = source.removeprefix(PREFIX)
        pieces, notes = read_nltk(name)
        return _Read(name, f"the corpus '{name}' of NLTK's data", pieces, notes=notes)
    path = base / Path(source).expanduser()
    if source and not _exists(path, source):
        if re.match(r"\s*\w+\s*=", source):
            return _read_triple(_parse_triple(source), options, base)
        if os.sep not in source and not path.suffix:
            names = [*EMBEDDED, *WELL_KNOWN, *(sorted(p.name for p in base.iterdir()) if base.is_dir() else ())]
            raise LmcompareError(
                f"'{source}' is neither a file or folder nor the name of a corpus{suggest(source, names)}; give a "
                f"path, one of the names {', '.join(EMBEDDED)}, or {PREFIX}NAME for a corpus of NLTK's"
            )
        raise missing_path(path)
    if not source.strip():
        raise LmcompareError(f"the corpus has no name; give a path, or one of the names {', '.join(EMBEDDED)}")
    return _read_file(path, options)


def _exists(path: Path, source: str) -> bool:
    """Whether there is something at ``path``; a text given by mistake for a path is an error of its own."""
    if len(path.name.encode(errors="replace")) > 255 or "\0" in source:  # no file system allows such a name
        raise LmcompareError(
            f"'{source[:30]}…' can be no path; give the path of a file or folder, or texts as a list of strings"
        )
    return path.exists()


def _read_stdin(options: CorpusOptions, stdin: BinaryIO | None) -> _Read:
    text = decode((stdin or sys.stdin.buffer).read(), "standard input", options.encoding)
    return _Read("stdin", "standard input", [Piece("stdin", text)], single=True)


def _read_file(path: Path, options: CorpusOptions) -> _Read:
    found = read_path(path, options.encoding, options.text_column)
    name = path.resolve().name if path.is_dir() else path.stem
    return _Read(name, shown(path), found.pieces, single=found.single, table=found.table, notes=found.notes)


def _read_texts(texts: Sequence[str]) -> _Read:
    pieces = []
    for number, text in enumerate(texts, 1):
        if not isinstance(text, str):
            raise LmcompareError(
                f"document {number:,} is a {type(text).__name__}, not a text; give a sequence of strings"
            )
        if not has_utf8(text):
            raise LmcompareError(f"document {number:,} holds a lone surrogate, which is not text; decode it properly")
        if text.strip():
            pieces.append(Piece(f"document {number}", text))
    blank = len(texts) - len(pieces)
    notes = (f"Documents without text that were left out: {blank:,}.",) if blank else ()
    return _Read("documents", "documents given in memory", pieces, prose=True, notes=notes)


def _parse_triple(source: str) -> dict[str, str]:
    """``train=a.txt,valid=b.txt,test=c.txt``; a comma inside a path is no end of it."""
    paths: dict[str, str] = {}
    for part in re.split(r",(?=\s*\w+\s*=)", source):
        key, _, path = part.partition("=")
        if key.strip() in paths:
            raise LmcompareError(
                f"the corpus '{source}' gives {key.strip()} twice; give each of {', '.join(SPLITS)} once"
            )
        paths[key.strip()] = path.strip()
    return paths


def _read_triple(paths: Mapping[str, str], options: CorpusOptions, base: Path) -> _Read:
    for key in paths:
        if key not in SPLITS:
            raise LmcompareError(f"unknown split '{key}'{suggest(key, SPLITS)}; give {', '.join(SPLITS)}")
    missing = [which for which in SPLITS if not paths.get(which)]
    if missing:
        raise LmcompareError(
            f"the corpus names no {' and no '.join(missing)}; give all three as train=…,valid=…,test=…, or one file "
            "or folder, which is then split"
        )
    places = {which: base / Path(paths[which]).expanduser() for which in SPLITS}
    found: dict[str, Found] = {
        which: read_path(path, options.encoding, options.text_column) for which, path in places.items()
    }
    folders = {path.resolve().parent for path in places.values()}
    name = folders.pop().name if len(folders) == 1 else places["train"].stem
    notes = tuple(note for which in SPLITS for note in found[which].notes)
    where = ", ".join(f"{which} {shown(places[which])}" for which in SPLITS)
    table = any(found[which].table for which in SPLITS)
    pieces = {which: found[which].pieces for which in SPLITS}
    return _Read(name or "corpus", where, [], pieces, table=table, notes=notes)
