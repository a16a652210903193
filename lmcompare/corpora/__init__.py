"""Corpora: a specification becomes documents, split into training, validation and test text.

`load` reads a corpus. A `CorpusFormat` reads a kind of file and a `CorpusScheme` reads corpora by name; other
packages can add their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lmcompare.lazy import lazily

if TYPE_CHECKING:
    from lmcompare.corpora.conformance import check_format, check_scheme
    from lmcompare.corpora.contract import CorpusFormat, CorpusScheme, File, Found
    from lmcompare.corpora.document import SPLITS, Corpus, Document, Piece, ReadFile, Repeat, Texts, has_utf8
    from lmcompare.corpora.loading import documents_of, load, read_documents
    from lmcompare.corpora.options import CorpusOptions
    from lmcompare.corpora.paths import path_name
    from lmcompare.corpora.registered import FORMATS, SCHEMES, CatalogueEntry, catalogue, format_catalogue
    from lmcompare.corpora.sources import from_working_directory

_HOMES = {
    "lmcompare.corpora.conformance": ("check_format", "check_scheme"),
    "lmcompare.corpora.contract": ("CorpusFormat", "CorpusScheme", "File", "Found"),
    "lmcompare.corpora.document": (
        "SPLITS",
        "Corpus",
        "Document",
        "Piece",
        "ReadFile",
        "Repeat",
        "Texts",
        "has_utf8",
    ),
    "lmcompare.corpora.loading": ("documents_of", "load", "read_documents"),
    "lmcompare.corpora.options": ("CorpusOptions",),
    "lmcompare.corpora.paths": ("path_name",),
    "lmcompare.corpora.registered": ("FORMATS", "SCHEMES", "CatalogueEntry", "catalogue", "format_catalogue"),
    "lmcompare.corpora.sources": ("from_working_directory",),
}

__all__ = [
    "FORMATS",
    "SCHEMES",
    "SPLITS",
    "CatalogueEntry",
    "Corpus",
    "CorpusFormat",
    "CorpusOptions",
    "CorpusScheme",
    "Document",
    "File",
    "Found",
    "Piece",
    "ReadFile",
    "Repeat",
    "Texts",
    "catalogue",
    "check_format",
    "check_scheme",
    "documents_of",
    "format_catalogue",
    "from_working_directory",
    "has_utf8",
    "load",
    "path_name",
    "read_documents",
]

__getattr__, __dir__ = lazily(__name__, _HOMES)
