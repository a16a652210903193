"""An embedded corpus, loaded once for all tests of a process."""

from __future__ import annotations

from functools import cache

from lmcompare.corpora import Corpus, load


@cache
def embedded(name: str) -> Corpus:
    return load(name)
