"""What a corpus is: documents in three splits, each with its text and where its sentences are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

SPLITS = ("train", "valid", "test")


def has_utf8(text: str) -> bool:
    """Whether a text can be stored as UTF-8: it holds no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True)
class Document:
    """A text and the sentences in it.

    Attributes:
        name: what the document is called: a title, a file's path, ``file:line``.
        text: the raw text, after the options; every UTF-8 byte of it is charged to a model.
        sentences: (start, end) character spans, in order and disjoint; the first starts at 0, and there is one at
            least.
        metadata: what is known of the document besides (folder, genre, …), for slices of the results.
        repeats: how it stands in train as well, if it is held out: "copy", "near copy" or "passages"; "" if it does
            not.
    """

    name: str
    text: str
    sentences: tuple[tuple[int, int], ...]
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    repeats: str = ""

    @property
    def repeated(self) -> bool:
        """Whether it is held out and stands in train as well, all of it or half and more."""
        return bool(self.repeats)

    @property
    def words(self) -> int:
        """The number of words parted by white space."""
        return len(self.text.split())


@dataclass(frozen=True)
class Corpus:
    """Documents to train on, to choose with and to be tested on.

    Attributes:
        notes: sentences for the report: how the text was split and cleaned, what stands in two splits.
        source: where the text comes from, for people.
        read: the fingerprint of the text before anything was changed in it; "" if that is not known.
        changes: what was done to the text, such as "lower case".
    """

    name: str
    train: tuple[Document, ...]
    valid: tuple[Document, ...]
    test: tuple[Document, ...]
    notes: tuple[str, ...] = ()
    source: str = ""
    read: str = ""
    changes: tuple[str, ...] = ()

    def split(self, which: str) -> tuple[Document, ...]:
        """Return the documents of "train", "valid" or "test".

        Raises:
            ValueError: ``which`` is none of these.
        """
        if which not in SPLITS:
            raise ValueError(f"'{which}' is no split; there are {', '.join(SPLITS)}")
        documents: tuple[Document, ...] = getattr(self, which)
        return documents

    @cached_property
    def fingerprint(self) -> str:
        """The first 16 hexadecimal digits of SHA-256 over the splits' names, texts and sentence spans."""
        digest = hashlib.sha256()
        for which in SPLITS:
            digest.update(f"{which} {len(self.split(which))}\n".encode())
            for document in self.split(which):
                name, text = document.name.encode(), document.text.encode()
                spans = ",".join(f"{start}-{end}" for start, end in document.sentences).encode()
                for part in (name, text, spans):
                    _update(digest, part)
        return digest.hexdigest()[:16]

    @cached_property
    def parts(self) -> dict[str, Any]:
        """What the fingerprint is made of, so that one can say in what two corpora differ.

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


def text_fingerprint(texts: Iterable[str]) -> str:
    """Return 16 hexadecimal digits for the words of texts in their order, wherever one ends and the next begins."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update("".join(f"{word} " for word in text.split()).encode())
    return digest.hexdigest()[:16]


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        _update(digest, part.encode())
    return digest.hexdigest()[:16]


def _update(digest: Hash, part: bytes) -> None:
    """Take in a part with its length before it, so that no two sequences run together to the same bytes."""
    digest.update(f"{len(part)}:".encode())
    digest.update(part)
