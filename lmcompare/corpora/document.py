"""A corpus: documents in three splits, each with the positions of its sentences, and how a text is cut into them."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, overload

from lmcompare.corpora.sentences import Spans, in_parts, lines_of
from lmcompare.memory import StoredText, TextStore

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

SPLITS = ("train", "valid", "test")
AS_SPLITS = "train=A,valid=B,test=C on the command line, or in Python a mapping of train, valid and test"
DocumentMarks = Literal["file", "line", "blank-line"]


def has_utf8(text: str) -> bool:
    """Return whether UTF-8 can store a text: it has no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_STORE: ContextVar[TextStore | None] = ContextVar("the store of texts", default=None)


@contextmanager
def texts_on_disk() -> Iterator[None]:
    """Put the texts of new documents into a temporary file inside the context, except for the first ones."""
    token = _STORE.set(TextStore())
    try:
        yield
    finally:
        _STORE.reset(token)


class _Text:
    """The attribute ``text``, which is read from a temporary file if it is there."""

    def __get__(self, owner: object, _: type | None = None) -> str:
        if owner is None:
            raise AttributeError  # it has no default
        text: str | StoredText = vars(owner)["_text"]
        return text.read() if isinstance(text, StoredText) else text

    def __set__(self, owner: object, text: str | StoredText) -> None:
        store = _STORE.get()
        vars(owner)["_text"] = store.keep(text) if store is not None and isinstance(text, str) else text


class _Sentences:
    """The attribute ``sentences``, stored in an eighth of the memory of pairs of numbers."""

    def __get__(self, owner: object, _: type | None = None) -> Spans:
        if owner is None:
            raise AttributeError
        ends = iter(vars(owner)["_sentences"])
        return tuple(zip(ends, ends, strict=True))

    def __set__(self, owner: object, spans: Sequence[tuple[int, int]]) -> None:
        vars(owner)["_sentences"] = array("q", chain.from_iterable(spans))


class _Worded:
    """What a piece and a document have in common."""

    if TYPE_CHECKING:
        text: _Text

    @cached_property
    def words(self) -> int:
        """The number of words, separated by white space."""
        return sum(len(part.split()) for part in in_parts(self.text))

    @property
    def stored(self) -> str | StoredText:
        """The text or its place in the temporary file: a document made from this piece does not store it again."""
        stored: str | StoredText = vars(self)["_text"]
        return stored

    @property
    def n_bytes(self) -> int:
        """The length of the text in UTF-8."""
        return len(self.stored.encode()) if isinstance(self.stored, str) else self.stored.size


@dataclass(frozen=True)
class Piece(_Worded):
    """A document's name, text and metadata, before its sentences are found."""

    name: str
    text: _Text = _Text()
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReadFile:
    """A file that was read.

    Parameters
    ----------
    name : str
        Its name, or its path inside the folder that was read.
    format : str
        The name of its format.
    encoding : str
        How its text is encoded, such as "ascii" or "utf-8"; "" for a binary table.
    bytes : int
        Its size; that of a compressed file after it was decompressed.
    """

    name: str
    format: str
    encoding: str
    bytes: int


@dataclass(frozen=True)
class Repeat:
    """What of a held-out document also occurs in earlier text.

    Parameters
    ----------
    spans : tuple of tuple of int
        Its characters, as (start, end), in order and disjoint.
    share : float
        The share of the document's bytes in the spans.
    of : str
        The name of the earlier document that has most of it.
    """

    spans: tuple[tuple[int, int], ...]
    share: float
    of: str


@dataclass(frozen=True)
class Document(_Worded):
    """A text and the sentences in it.

    Parameters
    ----------
    name : str
        A title, the path of a file, or ``file:line``.
    text : str
        The raw text, after the options; every UTF-8 byte of it is charged to a model.
    sentences : tuple of tuple of int
        (start, end) character spans, in order and disjoint; there is at least one, and the first starts at 0.
    metadata : mapping of str to str
        What else is known of the document (folder, genre, …), for slices of the results.
    repeat : Repeat or None
        What of a held-out document also occurs in earlier text: in that of training, and for test text in that of
        validation; None if nothing does.
    """

    name: str
    text: _Text = _Text()
    sentences: _Sentences = _Sentences()
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    repeat: Repeat | None = None


class Texts(Sequence[str]):
    """The texts of documents, each read when it is asked for."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._documents = documents

    def __len__(self) -> int:
        return len(self._documents)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [document.text for document in self._documents[index]]
        return self._documents[index].text


@dataclass(frozen=True)
class Corpus:
    """Documents for training, validation and test.

    Parameters
    ----------
    name : str
        The name of the corpus.
    train, valid, test : tuple of Document
        The documents of each split.
    notes : tuple of str
        Sentences for the report: how the text was split and cleaned, what occurs in two splits.
    said : tuple of str
        The notes that are printed before a run begins: how files were interpreted, what was left out.
    source : str
        Where the text comes from, for the report.
    read : str
        The fingerprint of the text before any change; "" if it is not known.
    changes : tuple of str
        How the text was changed, such as "lower case".
    files : tuple of ReadFile
        The files that the text comes from; empty for a corpus that has a name, and for texts in memory.
    series : bool
        Whether the documents are series of numbers.
    """

    name: str
    train: tuple[Document, ...]
    valid: tuple[Document, ...]
    test: tuple[Document, ...]
    notes: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    source: str = ""
    read: str = ""
    changes: tuple[str, ...] = ()
    files: tuple[ReadFile, ...] = ()
    kind: str = "text"

    def split(self, which: str) -> tuple[Document, ...]:
        """Return the documents of "train", "valid" or "test".

        Raises
        ------
        ValueError
            If ``which`` is another name.
        """
        if which not in SPLITS:
            raise ValueError(f"'{which}' is not a split; use one of {', '.join(SPLITS)}")
        documents: tuple[Document, ...] = getattr(self, which)
        return documents

    @cached_property
    def fingerprint(self) -> str:
        """The first 16 hexadecimal digits of SHA-256 over the splits' names, texts and sentence spans.

        Of data other than text, such as the times and seasons of series, the metadata is part of it.
        """
        digest = hashlib.sha256()
        for which in SPLITS:
            digest.update(f"{which} {len(self.split(which))}\n".encode())
            for document in self.split(which):
                name, text = document.name.encode(), document.text.encode()
                spans = ",".join(f"{start}-{end}" for start, end in document.sentences).encode()
                about = [json.dumps(document.metadata, sort_keys=True).encode()] if self.kind != "text" else []
                for part in (name, text, spans, *about):
                    _update(digest, part)
        return digest.hexdigest()[:16]

    @cached_property
    def parts(self) -> dict[str, Any]:
        """The parts of the fingerprint, which show how two corpora differ.

        ``read``: the text before any change; ``changes``; ``train``, ``valid``, ``test``: the words of each split, in
        order; ``marks``: white space, and where documents and sentences begin; ``names`` of the documents. All but
        the changes are 16 hexadecimal digits.
        """
        documents = [document for which in SPLITS for document in self.split(which)]
        words = {which: text_fingerprint(d.text for d in self.split(which)) for which in SPLITS}
        marks = (f"{which} {d.sentences} {d.text}" for which in SPLITS for d in self.split(which))
        return {
            "read": self.read or text_fingerprint(document.text for document in documents),
            "changes": list(self.changes),
            **words,
            "marks": _digest(marks),
            "names": _digest(document.name for document in documents),
        }


def cut(piece: Piece, documents: DocumentMarks) -> list[Piece]:
    """Cut a text into documents.

    ``file``: one document. ``line``: each line that is not blank; a line end separates the documents and is no text,
    like the end of a row in a table. ``blank-line``: the text between blank lines; the blank lines after it belong to
    its end, and those before the first text are dropped. The pieces are named ``name:line``, counted from 1.
    """
    text = piece.text
    if documents == "file":
        return [piece] if text.strip() else []
    starts: list[tuple[int, int]] = []  # (line number, start) of each document
    ends: list[int] = []
    after_blank = True
    for number, (start, end, following) in enumerate(lines_of(text), 1):
        blank = not text[start:end].strip()
        if not blank and (after_blank or documents == "line"):
            starts.append((number, start))
            ends.append(end if documents == "line" else following)
        elif ends and (documents == "blank-line"):
            ends[-1] = following
        after_blank = blank
    return [
        Piece(f"{piece.name}:{number}", text[start:end], piece.metadata)
        for (number, start), end in zip(starts, ends, strict=True)
    ]


def cut_all(pieces: Iterable[Piece], documents: DocumentMarks) -> list[Piece]:
    """`cut` each of ``pieces``."""
    return [part for piece in pieces for part in cut(piece, documents)]


def text_fingerprint(texts: Iterable[str]) -> str:
    """Return 16 hexadecimal digits for the words of texts in order, whatever the boundaries between the texts are."""
    digest = hashlib.sha256()
    for text in texts:
        for part in in_parts(text):
            if words := part.split():
                digest.update(f"{' '.join(words)} ".encode())
    return digest.hexdigest()[:16]


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        _update(digest, part.encode())
    return digest.hexdigest()[:16]


def _update(digest: Hash, part: bytes) -> None:
    """Add a part after its length, so that different sequences never give the same bytes."""
    digest.update(f"{len(part)}:".encode())
    digest.update(part)
