"""The embedded corpora, each loaded once for all tests of a process."""

from __future__ import annotations

from functools import cache

from lmcompare.corpora import Corpus, load


@cache
def embedded(name: str) -> Corpus:
    """Return "wiki-sample", which takes seconds to load, or "lee"."""
    return load(name)
