"""Rare words replaced by one word, against counts made by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.corpora import SPLITS, CorpusOptions, Document, load
from lmcompare.corpora.rare import replace_rare
from lmcompare.corpora.sentences import line_sentences
from lmcompare.errors import LmcompareError


def split(train: str, valid: str, test: str) -> dict[str, tuple[Document, ...]]:
    texts = {"train": train, "valid": valid, "test": test}
    return {which: (Document(which, text, line_sentences(text), {"genre": "x"}),) for which, text in texts.items()}


def test_words_are_counted_in_all_splits_together() -> None:
    # a occurs 4 times, c 3 times, b 2 times (once in train, once in valid), d once (in test): with a count of 2, b
    # and d are rare, three of the ten words and two of the four types.
    found, note = replace_rare(split("a a a b\nc c\n", "b c\n", "a d\n"), 2, "<unk_>")
    assert {which: documents[0].text for which, documents in found.items()} == {
        "train": "a a a <unk_>\nc c\n",
        "valid": "<unk_> c\n",
        "test": "a <unk_>\n",
    }
    assert note == (
        "Words that occur 2 times or less in the whole corpus, test included, were replaced by <unk_>: 3 of 10 words "
        "(30.0 %), 2 of 4 types."
    )


def test_white_space_and_metadata_stay_and_sentences_move_with_the_text() -> None:
    text = " rare  a\ta \r\n\r\na rare2"
    found, _ = replace_rare({"train": (Document("d", text, line_sentences(text), {"genre": "x"}),)}, 1, "R")
    document = found["train"][0]
    assert document.text == " R  a\ta \r\n\r\na R"
    assert [document.text[start:end] for start, end in document.sentences] == [" R  a\ta ", "", "a R"]
    assert (document.name, document.metadata) == ("d", {"genre": "x"})


def test_case_matters_unless_letters_are_made_small(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("The the\nthe a\na a\n")
    options = CorpusOptions(rare_count=1, rare_word="R")
    assert load("t.txt", options, base=tmp_path).train[0].text == "R the\n"
    options = CorpusOptions(rare_count=1, rare_word="R", lowercase=True)
    assert load("t.txt", options, base=tmp_path).train[0].text == "the the\n"


def test_sentences_are_found_before_words_are_replaced() -> None:
    texts = [f"We came to {a}. They left {a} again." for a in ("Rome", "Oslo", "Bonn", "Bern")]
    plain = load(texts, CorpusOptions(sentences="punkt"))
    corpus = load(texts, CorpusOptions(sentences="punkt", rare_count=2, rare_word="<unk_>"))
    document = corpus.train[0]
    assert document.text == "We came to <unk_> They left <unk_> again."
    assert [document.text[start:end] for start, end in document.sentences] == [
        "We came to <unk_>",
        "They left <unk_> again.",
    ]
    assert corpus.fingerprint != plain.fingerprint
    assert corpus.notes[-1].startswith("Words that occur 2 times or less")


def test_the_count_and_the_word_are_part_of_the_fingerprint() -> None:
    texts = ["a b b c c c", "a2 c d d", "c e e e"]
    fingerprints = {
        load(texts, CorpusOptions(rare_count=count, rare_word=word)).fingerprint
        for count, word in ((1, "R"), (2, "R"), (2, "S"))
    }
    assert len(fingerprints) == 3


@given(st.lists(st.sampled_from(["a", "b b", "c c c", "d e", "", " f"]), min_size=3, max_size=30), st.integers(1, 4))
def test_the_same_as_word_by_word(lines: list[str], count: int) -> None:
    texts = {which: "\n".join(lines[n::3]) for n, which in enumerate(SPLITS)}
    counts = Counter(" ".join(texts.values()).split())
    before = split(**texts)
    if not counts or max(counts.values()) <= count:
        with pytest.raises(LmcompareError, match="no word occurs more than"):
            replace_rare(before, count, "R")
        return
    after, _ = replace_rare(before, count, "R")
    for which, text in texts.items():
        document = after[which][0]
        expected = [[w if counts[w] > count else "R" for w in line.split()] for line in text.split("\n")]
        assert [line.split() for line in document.text.split("\n")] == expected
        spans = [document.text[start:end] for start, end in document.sentences]
        assert [s.split() for s in spans] == [
            [w if counts[w] > count else "R" for w in text[start:end].split()]
            for start, end in before[which][0].sentences
        ]


def test_a_count_that_no_word_exceeds_is_an_error() -> None:
    with pytest.raises(LmcompareError, match="no word occurs more than 1,000 times in the corpus; give a smaller"):
        replace_rare(split("a a\n", "a\n", "b\n"), 1000, "R")
