"""The articles of Wikipedia as a corpus: their sentences and their split."""

from __future__ import annotations

import itertools
import re

import pytest

from lmcompare.corpora import SPLITS, Corpus, load
from tests.corpora.test_embedded import check_sentences, check_split


@pytest.fixture(scope="module")
def wiki() -> Corpus:
    return load("wiki-sample")


def test_sentences_and_split(wiki: Corpus) -> None:
    check_sentences(wiki)
    check_split(wiki)


def test_sentences_do_not_end_after_abbreviations(wiki: Corpus) -> None:
    ends = [d.text[a:b] for which in SPLITS for d in wiki.split(which) for a, b in d.sentences]
    title = re.compile(r"(?:^|\s)(?:Dr|Mr|Mrs|Gen|Col|Jan|Feb|Sept|Oct|Nov|vol|cf|vs|i\.e)\.$")
    assert [s[-60:] for s in ends if title.search(s)] == []
    begins_small = sum(s[0].islower() and not before.endswith("\n") for before, s in itertools.pairwise(ends))
    assert begins_small < 0.02 * len(ends)
    assert 25_000 < len(ends) < 32_000
