"""The embedded corpora, loaded once for all tests that look at them."""

from __future__ import annotations

import pytest

from lmcompare.corpora import Corpus
from tests.embedded import embedded


@pytest.fixture(scope="session")
def wiki() -> Corpus:
    return embedded("wiki-sample")


@pytest.fixture(scope="session")
def lee() -> Corpus:
    return embedded("lee")
