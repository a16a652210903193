"""The corpora that come with the installation, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lmcompare.corpora.gensim_data import missing
from lmcompare.corpora.lee import LEE_FILE, read_lee
from lmcompare.corpora.pieces import Piece
from lmcompare.corpora.wiki import CLEANING, WIKI_FILE, read_wiki


@dataclass(frozen=True)
class CatalogueEntry:
    """A corpus that can be asked for by name, and whether it is installed; ``reason`` says why not, or is empty."""

    name: str
    description: str
    available: bool
    reason: str


@dataclass(frozen=True)
class Embedded:
    """How an embedded corpus is read."""

    file: str
    description: str
    read: Callable[[], list[Piece]]
    source: str
    notes: tuple[str, ...] = ()


EMBEDDED = {
    "wiki-sample": Embedded(
        WIKI_FILE,
        "106 articles of the English Wikipedia of 2016, about 480,000 words of clean running text",
        read_wiki,
        "the shortened English Wikipedia dump in gensim's test data (CC BY-SA)",
        (CLEANING,),
    ),
    "lee": Embedded(
        LEE_FILE,
        "300 news texts of the Australian Broadcasting Corporation of 2001, about 60,000 words",
        read_lee,
        "the Lee background corpus in gensim's test data",
    ),
}


def catalogue() -> tuple[CatalogueEntry, ...]:
    """Return what can be asked for by name. Nothing is read and gensim is not imported."""
    found = []
    for name, embedded in EMBEDDED.items():
        reason = missing(embedded.file)
        found.append(CatalogueEntry(name, embedded.description, not reason, reason))
    return tuple(found)
