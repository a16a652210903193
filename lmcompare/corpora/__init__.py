"""Corpora: a specification becomes documents, split into training, validation and test text.

`load` reads a corpus. A `CorpusFormat` reads a kind of file and a `CorpusScheme` reads corpora by name; other
packages can add their own. The names are imported when they are first used: the command line needs only few.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lmcompare.corpora.conformance import check_format as check_format
    from lmcompare.corpora.conformance import check_scheme as check_scheme
    from lmcompare.corpora.contract import FORMATS as FORMATS
    from lmcompare.corpora.contract import SCHEMES as SCHEMES
    from lmcompare.corpora.contract import CatalogueEntry as CatalogueEntry
    from lmcompare.corpora.contract import CorpusFormat as CorpusFormat
    from lmcompare.corpora.contract import CorpusScheme as CorpusScheme
    from lmcompare.corpora.contract import File as File
    from lmcompare.corpora.contract import Found as Found
    from lmcompare.corpora.contract import catalogue as catalogue
    from lmcompare.corpora.contract import format_catalogue as format_catalogue
    from lmcompare.corpora.document import SPLITS as SPLITS
    from lmcompare.corpora.document import Corpus as Corpus
    from lmcompare.corpora.document import Document as Document
    from lmcompare.corpora.document import Piece as Piece
    from lmcompare.corpora.document import ReadFile as ReadFile
    from lmcompare.corpora.document import Repeat as Repeat
    from lmcompare.corpora.document import Texts as Texts
    from lmcompare.corpora.document import has_utf8 as has_utf8
    from lmcompare.corpora.loading import documents_of as documents_of
    from lmcompare.corpora.loading import load as load
    from lmcompare.corpora.loading import read_documents as read_documents
    from lmcompare.corpora.options import CorpusOptions as CorpusOptions
    from lmcompare.corpora.paths import path_name as path_name
    from lmcompare.corpora.sources import files_of as files_of
    from lmcompare.corpora.sources import from_working_directory as from_working_directory
    from lmcompare.corpora.sources import is_embedded as is_embedded
    from lmcompare.corpora.sources import kind_of_source as kind_of_source

_HOMES = {
    "check_format": "conformance",
    "check_scheme": "conformance",
    "FORMATS": "contract",
    "SCHEMES": "contract",
    "CatalogueEntry": "contract",
    "CorpusFormat": "contract",
    "CorpusScheme": "contract",
    "File": "contract",
    "Found": "contract",
    "catalogue": "contract",
    "format_catalogue": "contract",
    "SPLITS": "document",
    "Corpus": "document",
    "Document": "document",
    "Piece": "document",
    "ReadFile": "document",
    "Repeat": "document",
    "Texts": "document",
    "has_utf8": "document",
    "documents_of": "loading",
    "load": "loading",
    "read_documents": "loading",
    "CorpusOptions": "options",
    "path_name": "paths",
    "files_of": "sources",
    "from_working_directory": "sources",
    "is_embedded": "sources",
    "kind_of_source": "sources",
}
__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lmcompare.corpora' has no attribute '{name}'")
    return getattr(import_module(f"lmcompare.corpora.{_HOMES[name]}"), name)
