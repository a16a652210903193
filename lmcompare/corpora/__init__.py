"""Corpora: a specification becomes documents, split into training, validation and test text.

`load` reads a corpus. A `CorpusFormat` reads a kind of file and a `CorpusScheme` reads corpora by name; other
packages can add their own.
"""

from lmcompare.corpora.conformance import check_format, check_scheme
from lmcompare.corpora.contract import (
    FORMATS,
    SCHEMES,
    CatalogueEntry,
    CorpusFormat,
    CorpusScheme,
    File,
    Found,
    catalogue,
    format_catalogue,
)
from lmcompare.corpora.document import SPLITS, Corpus, Document, Piece, ReadFile, Repeat, Texts, has_utf8
from lmcompare.corpora.loading import documents_of, load, read_documents
from lmcompare.corpora.options import CorpusOptions
from lmcompare.corpora.paths import path_name
from lmcompare.corpora.sources import files_of, from_working_directory, is_embedded, kind_of_source

__all__ = ["FORMATS", "SCHEMES", "SPLITS", "CatalogueEntry", "Corpus", "CorpusFormat", "CorpusOptions"]
__all__ += ["CorpusScheme", "Document", "File", "Found", "Piece", "ReadFile", "Repeat", "Texts", "catalogue"]
__all__ += ["check_format", "check_scheme", "documents_of", "files_of", "format_catalogue", "from_working_directory"]
__all__ += ["has_utf8", "is_embedded", "kind_of_source", "load", "path_name", "read_documents"]
