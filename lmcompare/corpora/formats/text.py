"""Plain text: a file is one running text."""

from __future__ import annotations

from lmcompare.corpora.contract import CorpusFormat, File, Found
from lmcompare.corpora.document import Piece
from lmcompare.corpora.options import CorpusOptions


def read_text(file: File, options: CorpusOptions) -> Found:
    """Return the decoded file as one text without document boundaries."""
    return Found((Piece(file.name, file.text(options.encoding)),), one_text=True)


# A file with one of these suffixes is text: if it cannot be decoded, that is an error even inside a folder.
TEXT = CorpusFormat(
    "plain text, UTF-8 unless --encoding names another encoding",
    (".txt", ".text", ".md", ".rst", ".cor", ".tok", ".tokens", ".raw", ".sent"),
    read_text,
)
