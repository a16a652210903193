"""An embedded corpus, loaded once for all tests that look at it."""

from __future__ import annotations

import pytest

from lmcompare.corpora import Corpus
from tests.embedded import embedded


@pytest.fixture(scope="session")
def lee() -> Corpus:
    return embedded("lee")
