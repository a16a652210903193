"""The corpora that come with the installation: what they hold, how they read and that they are split as said."""

from __future__ import annotations

import hashlib
import itertools
import re
from pathlib import Path

import pytest

from lmcompare.corpora import SPLITS, Corpus, CorpusOptions, Piece, catalogue, load
from lmcompare.corpora.document import text_fingerprint
from lmcompare.corpora.schemes import gensim_data
from lmcompare.corpora.schemes.gensim_data import COPIES, read_wiki
from lmcompare.errors import LmcompareError

pytestmark = pytest.mark.slow

MARKS = ["''", "==", "[[", "]]", "{{", "}}", "{|", "|}", "\t", "\xa0", "&nbsp;", "&lt;", "<ref", "__"]


@pytest.fixture(scope="module")
def articles() -> tuple[Piece, ...]:
    return read_wiki("wiki-sample", CorpusOptions()).pieces


def test_wiki_sample_holds_106_articles_and_480_000_words(articles: tuple[Piece, ...]) -> None:
    assert len(articles) == 106
    assert 470_000 < sum(piece.words for piece in articles) < 490_000
    assert {"Anarchism", "Albert Einstein", "Amphibian"} <= {piece.name for piece in articles}
    assert not any(piece.text.casefold().startswith("#redirect") for piece in articles)
    assert text_fingerprint(piece.text for piece in articles) == "a1e7be00e729510b"  # as it always was


def test_wiki_text_has_no_markup_left(articles: tuple[Piece, ...]) -> None:
    prose = "".join(p.text for p in articles if p.name not in {"ASCII", "Algorithm"})  # these write of code
    for mark in (*MARKS, "\n\n", "  "):
        assert mark not in prose, mark
    odd = r"^[:;|!=]|^[*#] |^\W*$|File:|Category:|\bthumb\||style=|\d+px"
    assert not re.search(odd, prose.rstrip(), re.MULTILINE)
    assert not re.search(r"\( | \)|\(\)|\([,;]|[,;]\)|\w ,(?=\s)", prose)
    # Stars mark reconstructed words, bars occur in formulae: text, and little of it.
    assert prose.count("|") < 10
    assert prose.count("*") < 200


def test_wiki_text_keeps_case_punctuation_and_sentences(articles: tuple[Piece, ...]) -> None:
    text = "".join(piece.text for piece in articles)
    for sentence in (
        "Anarchism is a political philosophy that advocates self-governed societies based on voluntary institutions.",
        "Andorra is the sixth-smallest nation in Europe, having an area of 468 km² (181 sq mi) and a population of "
        "approximately 85,000.",
        # A template, a nested one and a "<" in the text: what gensim alone would have lost.
        "As a god of archery, Apollo was known as Aphetor (",
        "are found in the <10 ppm level, as is typical of some petroleum.",
    ):
        assert sentence in text, sentence


def test_lee_holds_all_texts_unchanged_but_no_copies_and_is_as_it_always_was(lee: Corpus) -> None:
    documents = [d for which in SPLITS for d in lee.split(which)]
    raw = gensim_data.data_path("lee_background.cor").read_bytes().decode()
    lines, texts = raw.splitlines(), [d.text for d in documents]
    assert len(texts) == 289
    assert set(texts) <= set(lines)
    runs = [set(zip(*(line.split()[k:] for k in range(3)), strict=False)) for line in lines]
    kept = [n for n, line in enumerate(lines) if line in texts]
    for n in range(300):  # each text that is left out has most of its runs of three words in one that is kept
        most = max(len(runs[n] & runs[m]) / min(len(runs[n]), len(runs[m])) for m in kept if m != n)
        assert (most > 0.8) == (f"lee:{n + 1}" in COPIES) or lines[n] in texts
    assert len({frozenset(of) for of in runs}) == 293
    assert not any(d.repeat is not None and d.repeat.share > 0.3 for d in (*lee.valid, *lee.test))
    assert lee.fingerprint == "ee4b7352fd4f3dc7"


def test_sentences_lie_in_the_text(lee: Corpus) -> None:
    check_sentences(lee)


def check_sentences(corpus: Corpus) -> None:
    for document in (d for which in SPLITS for d in corpus.split(which)):
        spans = document.sentences
        assert spans[0][0] == 0
        assert all(a < b for a, b in spans)
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
        edges = [*spans, (len(document.text), len(document.text))]
        assert not "".join(document.text[a[1] : b[0]] for a, b in itertools.pairwise(edges)).strip()
        assert not any("\n" in document.text[a:b] for a, b in spans)


def test_the_split_is_by_hash_and_first_reaches_a_tenth(lee: Corpus) -> None:
    check_split(lee)


def check_split(corpus: Corpus) -> None:
    documents = [d for which in ("test", "valid", "train") for d in corpus.split(which)]
    hashes = [hashlib.sha256(d.text.encode()).digest() for d in documents]
    assert hashes == sorted(hashes)
    tenth = sum(len(d.text.split()) for d in documents) / 10
    for which in ("test", "valid"):
        words = [len(d.text.split()) for d in corpus.split(which)]
        last = corpus.split(which)[-1].text
        copies = sum(d.text == last for d in corpus.split(which))  # copies come along
        assert sum(words) >= tenth > sum(words[:-copies])
    texts = [{d.text for d in corpus.split(which)} for which in SPLITS]
    assert len(set.union(*texts)) == sum(map(len, texts))


def test_the_catalogue_lists_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["hf:NAME[/CONFIG][:SPLIT]", "lee", "nltk:NAME", "series:FILE#COLUMN", "wiki-sample"]
    assert [entry.name for entry in catalogue()] == names
    assert all(entry.available and not entry.reason for entry in catalogue()[1:])
    monkeypatch.setattr(gensim_data, "data_path", lambda file: Path("/nowhere") / file)
    lost = {entry.name: entry.reason for entry in catalogue() if not entry.available}
    assert {name for name in lost if "hf" not in name} == {"lee", "wiki-sample"}
    assert "lacks its test file lee_background.cor" in lost["lee"]
    with pytest.raises(
        LmcompareError, match=r"'lee' cannot be read because the installed gensim lacks .*pip install"
    ):
        load("lee")
    monkeypatch.setattr(gensim_data, "find_spec", lambda name: None)
    with pytest.raises(LmcompareError, match="because gensim is not installed"):
        load("wiki-sample")
