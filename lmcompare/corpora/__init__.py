"""Text in: a name, a path or texts in memory become a corpus of documents in train, valid and test."""

from lmcompare.corpora.catalogue import CatalogueEntry, catalogue
from lmcompare.corpora.document import SPLITS, Corpus, Document, has_utf8
from lmcompare.corpora.load import documents_of, load, read_documents
from lmcompare.corpora.options import CorpusOptions

__all__ = [
    "SPLITS",
    "CatalogueEntry",
    "Corpus",
    "CorpusOptions",
    "Document",
    "catalogue",
    "documents_of",
    "has_utf8",
    "load",
    "read_documents",
]
