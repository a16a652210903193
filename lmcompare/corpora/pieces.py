"""A piece: a text before it becomes a document, and how a text is cut into pieces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from lmcompare.corpora.sentences import lines_of

DocumentMarks = Literal["file", "line", "blank-line"]


@dataclass(frozen=True)
class Piece:
    """A document's name, text and metadata, before its sentences are found."""

    name: str
    text: str
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> int:
        return len(self.text.split())


def cut(piece: Piece, documents: DocumentMarks) -> list[Piece]:
    """Cut a text into documents.

    ``file``: one document. ``line``: each line that is not blank, with its line end; blank lines are dropped.
    ``blank-line``: the text between blank lines; the blank lines after it belong to its end, and those before the
    first text are dropped. The pieces are named ``name:line``, counted from 1.
    """
    if documents == "file":
        return [piece] if piece.text.strip() else []
    starts: list[tuple[int, int]] = []  # (line number, start) of each document
    ends: list[int] = []
    after_blank = True
    for number, (start, end, following) in enumerate(lines_of(piece.text), 1):
        blank = not piece.text[start:end].strip()
        if not blank and (after_blank or documents == "line"):
            starts.append((number, start))
            ends.append(following)
        elif ends and (documents == "blank-line"):
            ends[-1] = following
        after_blank = blank
    return [
        Piece(f"{piece.name}:{number}", piece.text[start:end], piece.metadata)
        for (number, start), end in zip(starts, ends, strict=True)
    ]


def cut_all(pieces: Iterable[Piece], documents: DocumentMarks) -> list[Piece]:
    """`cut` each of ``pieces``."""
    return [part for piece in pieces for part in cut(piece, documents)]
