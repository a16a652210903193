"""The corpora that come with the installation: what they hold, how they read and that they are split as said."""

from __future__ import annotations

import hashlib
import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lmcompare.corpora import SPLITS, Corpus, catalogue, load
from lmcompare.corpora.schemes import gensim_data
from lmcompare.errors import LmcompareError


@pytest.fixture(params=[pytest.param("wiki", marks=pytest.mark.slow), "lee"])
def corpus(request: pytest.FixtureRequest) -> Corpus:
    found: Corpus = request.getfixturevalue(request.param)
    return found


@pytest.mark.slow
def test_wiki_sample_holds_106_articles_and_480_000_words(wiki: Corpus) -> None:
    documents = [d for which in SPLITS for d in wiki.split(which)]
    assert len(documents) == 106
    assert 470_000 < sum(d.words for d in documents) < 490_000
    assert {"Anarchism", "Albert Einstein", "Amphibian"} <= {d.name for d in documents}
    assert not any(d.text.casefold().startswith("#redirect") for d in documents)


def test_lee_holds_all_300_texts_unchanged(lee: Corpus) -> None:
    documents = [d for which in SPLITS for d in lee.split(which)]
    raw = gensim_data.data_path("lee_background.cor").read_bytes().decode()
    assert len(documents) == 300
    assert sorted(d.text for d in documents) == sorted(raw.splitlines(keepends=True))


@pytest.mark.slow
def test_wiki_text_has_no_markup_left(wiki: Corpus) -> None:
    text = {d.name: d.text for which in SPLITS for d in wiki.split(which)}
    prose = "".join(t for name, t in text.items() if name not in {"ASCII", "Algorithm"})  # these write of code
    for mark in (
        "''",
        "==",
        "[[",
        "]]",
        "{{",
        "}}",
        "{|",
        "|}",
        "\n\n",
        "  ",
        "\t",
        "\xa0",
        "&nbsp;",
        "&lt;",
        "<ref",
        "__",
    ):
        assert mark not in prose, mark
    assert not re.search(
        r"^[:;|!=]|^[*#] |^\W*$|File:|Category:|\bthumb\||style=|\d+px", prose.rstrip(), re.MULTILINE
    )
    assert not re.search(r"\( | \)|\(\)|\([,;]|[,;]\)|\w ,(?=\s)", prose)
    # Stars mark reconstructed words, bars occur in formulae: text, and little of it.
    assert prose.count("|") < 10
    assert prose.count("*") < 200


@pytest.mark.slow
def test_wiki_text_keeps_case_punctuation_and_sentences(wiki: Corpus) -> None:
    text = "".join(d.text for which in SPLITS for d in wiki.split(which))
    for sentence in (
        "Anarchism is a political philosophy that advocates self-governed societies based on voluntary institutions.",
        "Andorra is the sixth-smallest nation in Europe, having an area of 468 km² (181 sq mi) and a population of "
        "approximately 85,000.",
        # A template, a nested one and a "<" in the text: what gensim alone would have lost.
        "As a god of archery, Apollo was known as Aphetor (",
        "are found in the <10 ppm level, as is typical of some petroleum.",
    ):
        assert sentence in text, sentence


def test_sentences_lie_in_the_text(corpus: Corpus) -> None:
    for which in SPLITS:
        for document in corpus.split(which):
            spans = document.sentences
            assert spans[0][0] == 0
            assert all(a < b for a, b in spans)
            assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
            edges = [*spans, (len(document.text), len(document.text))]
            assert not "".join(document.text[a[1] : b[0]] for a, b in itertools.pairwise(edges)).strip()
            assert not any("\n" in document.text[a:b] for a, b in spans)


@pytest.mark.slow
def test_sentences_do_not_end_after_abbreviations(wiki: Corpus) -> None:
    ends = [d.text[a:b] for which in SPLITS for d in wiki.split(which) for a, b in d.sentences]
    title = re.compile(r"(?:^|\s)(?:Dr|Mr|Mrs|Gen|Col|Jan|Feb|Sept|Oct|Nov|vol|cf|vs|i\.e)\.$")
    assert [s[-60:] for s in ends if title.search(s)] == []
    begins_small = sum(s[0].islower() and not before.endswith("\n") for before, s in itertools.pairwise(ends))
    assert begins_small < 0.02 * len(ends)
    assert 25_000 < len(ends) < 32_000


def test_split_is_by_hash_and_first_reaches_a_tenth(corpus: Corpus) -> None:
    def digest(text: str) -> bytes:
        return hashlib.sha256(text.encode()).digest()

    documents = [d for which in ("test", "valid", "train") for d in corpus.split(which)]
    hashes = [digest(d.text) for d in documents]
    assert hashes == sorted(hashes)
    tenth = sum(len(d.text.split()) for d in documents) / 10
    for which in ("test", "valid"):
        words = [len(d.text.split()) for d in corpus.split(which)]
        last = corpus.split(which)[-1].text
        copies = sum(d.text == last for d in corpus.split(which))  # copies come along
        assert sum(words) >= tenth > sum(words[:-copies])
    texts = [{d.text for d in corpus.split(which)} for which in SPLITS]
    assert len(set.union(*texts)) == sum(map(len, texts))


def test_the_catalogue_lists_both_without_importing_gensim() -> None:
    assert [(e.name, e.available, e.reason) for e in catalogue()] == [
        ("hf:NAME[/CONFIG][:SPLIT]", True, ""),
        ("lee", True, ""),
        ("nltk:NAME", True, ""),
        ("series:FILE#COLUMN", True, ""),
        ("wiki-sample", True, ""),
    ]
    code = (
        "import sys; from lmcompare.corpora import catalogue; catalogue(); "
        "print(sorted({'datasets', 'gensim', 'nltk', 'numpy', 'torch', 'pandas', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_gensim_without_the_file_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gensim_data, "data_path", lambda file: Path("/nowhere") / file)
    assert {entry.name: entry.available for entry in catalogue()} == {
        "hf:NAME[/CONFIG][:SPLIT]": True,
        "lee": False,
        "nltk:NAME": True,
        "series:FILE#COLUMN": True,
        "wiki-sample": False,
    }
    with pytest.raises(
        LmcompareError, match=r"'lee' cannot be read because the installed gensim lacks .*pip install"
    ):
        load("lee")


def test_no_gensim_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gensim_data, "find_spec", lambda name: None)
    with pytest.raises(LmcompareError, match="because gensim is not installed"):
        load("wiki-sample")


@pytest.mark.slow
def test_the_same_bits_whatever_the_hash_seed() -> None:
    code = "from lmcompare.corpora import load; print(load('lee').fingerprint)"
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
    assert len(printed.pop()) == 17
