"""The embedded corpora, loaded once for all tests that look at them."""

from __future__ import annotations

import pytest

from lmcompare.corpora import Corpus, load


@pytest.fixture(scope="session")
def wiki() -> Corpus:
    return load("wiki-sample")


@pytest.fixture(scope="session")
def lee() -> Corpus:
    return load("lee")
