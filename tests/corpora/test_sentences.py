"""Sentence spans and words: their invariants, and Punkt's decisions on English."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.corpora.sentences import (
    ASCII_SPACES,
    PART,
    PunktSplitter,
    Spans,
    batches,
    line_sentences,
    lines_of,
    numbered_words,
    whole_sentence,
)

# Enough English for Punkt to know which words begin sentences and which are written small.
TRAINING = """The river rose in the night. It took the bridge with it. They had built the bridge in a year.
When the water fell, the village stood in mud. He said that the village would be built again. She did not agree.
In the morning the council met. The council was small. It had ten members and the mayor. Many people came.
However, the money was gone. There was no plan. This was the end of the old village. We know it from letters.
At the same time the church was repaired. But it was not used. These stones are all that is left of it.
"""


@pytest.fixture(scope="module")
def punkt() -> PunktSplitter:
    return PunktSplitter([TRAINING])


def check(text: str, spans: Spans) -> None:
    assert spans
    assert spans[0][0] == 0
    assert all(0 <= start <= end <= len(text) for start, end in spans)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


@given(st.text(alphabet="ab \n\r", max_size=40))
def test_line_sentences_leave_just_the_line_ends(text: str) -> None:
    spans = line_sentences(text)
    check(text, spans)
    edges = [*spans, (len(text), len(text))]
    gaps = [text[a[1] : b[0]] for a, b in itertools.pairwise(edges)]
    assert all(gap in ("\n", "\r\n") for gap in gaps[:-1])
    assert gaps[-1] in ("", "\n", "\r\n")
    assert "".join(text[a:b] + gap for (a, b), gap in zip(spans, gaps, strict=True)) == text
    assert all("\n" not in text[a:b] for a, b in spans)


@pytest.mark.parametrize(("text", "end"), [("a b\n", 3), ("a b\r\n", 3), ("a b", 3), (" a\n", 2)])
def test_the_sentence_of_a_line_ends_before_its_line_end(text: str, end: int) -> None:
    assert whole_sentence(text) == ((0, end),)


@pytest.mark.parametrize(
    "sentences",
    [
        ["It opened in Jan. 2001 with a feast.", "The mayor spoke."],
        ["Dr. Smith met Mrs. Jones on Fri. 3 May.", "They talked for hours."],
        ["See No. 5 and vol. 2, pp. 3–9, of the letters.", "It is all there."],
        ["He said no.", "The council agreed."],
        ["It lies in the U.S. north of the river.", "The river is small."],
        ["They left the U.S.", "The council stayed."],
        ["The poet W. B. Yeats came, and Samuel A. Ward too.", "It was cold."],
        ["Prices rose by approx. ten per cent, e.g. for bread.", "Many people left."],
        ['"Why?" he asked.', '"It is late!"', "She left."],
        ["It cost 3.5 million.", "There was no money."],
        ["Was it late?", "It was!", "They left."],
        ["It began at 8 a.m. and ended at noon.", "Many people came."],
        ["He came (in 1900).", "They had waited.) "],
        ["“It is cold.”", "The mayor shivered."],
        ["J. R. R. Tolkien wrote it.", "It sold well."],
        ["They read the philosopher G. W. F. Hegel.", "It was long."],
        ["Great Moments with Mr. Council opened.", "It was dull."],
        ["The firm was Smith & Co. of London.", "It was small."],
    ],
)
def test_punkt_cuts_english(punkt: PunktSplitter, sentences: list[str]) -> None:
    text = " ".join(sentences)
    found = [text[start:end] for start, end in punkt.spans(text)]
    assert found == [sentence.strip() for sentence in sentences]


def test_line_ends_end_sentences_and_white_space_is_outside(punkt: PunktSplitter) -> None:
    text = "  A heading\n\nThe river rose.  It fell.\r\n Then\n"
    assert [text[a:b] for a, b in punkt.spans(text)] == ["  A heading", "The river rose.", "It fell.", "Then"]


@given(text=st.text(alphabet="aB1 .?!\"'()\n-–…,", max_size=80))
def test_punkt_spans_are_in_order_and_hold_all_that_is_not_space(punkt: PunktSplitter, text: str) -> None:
    spans = punkt.spans(text)
    check(text, spans)
    edges = [(0, 0), *spans, (len(text), len(text))]
    outside = "".join(text[a[1] : b[0]] for a, b in itertools.pairwise(edges))
    assert not outside.strip()
    if text.strip():
        assert all(text[a:b].strip() for a, b in spans)
        assert all(not text[a:b][-1].isspace() for a, b in spans)


def test_a_word_seen_only_at_sentence_ends_is_no_abbreviation() -> None:
    # "meal." occurs at ends only; "zool." is followed by small letters: one is a word, the other an abbreviation.
    lines = ["He had a meal. They left the house.", "It was a zool. garden with a lake."] * 6
    splitter = PunktSplitter([TRAINING, *lines])
    assert len(splitter.spans("He had a meal. Ann left.")) == 2
    assert len(splitter.spans("It was a zool. Garten in Berlin.")) == 1
    small = PunktSplitter([TRAINING.lower()])  # a text without capitals is still cut
    assert len(small.spans("the river rose in the night. it took the bridge.")) == 2


@given(parts=st.lists(st.sampled_from(["\r", "\n", "\r\n", "a", " "]), max_size=12))
def test_lines_are_those_of_an_expression(parts: list[str]) -> None:
    text = "".join(parts)
    expected = [m for m in re.finditer(r"([^\n]*?)(\r?\n|\Z)", text) if m.start() < len(text)]
    assert list(lines_of(text)) == [(m.start(), m.end(1), m.end()) for m in expected]


SPACED = st.lists(st.text(st.sampled_from("abß \t\n\v\f\r\x1c\x85\xa0\u2003\u3000\u200b"), max_size=30), max_size=5)


@given(SPACED)
def test_words_are_those_of_split(texts: list[str]) -> None:
    words, which, lengths = numbered_words(texts)
    expected = [text.split() for text in texts]
    assert [words[n] for n in which] == [word for of_text in expected for word in of_text]
    assert lengths.tolist() == list(map(len, expected))
    assert words == list(dict.fromkeys(word for of_text in expected for word in of_text))


@given(SPACED)
def test_at_ascii_spaces_they_are_those_of_bytes(texts: list[str]) -> None:
    words, which, lengths = numbered_words(texts, ASCII_SPACES)
    expected = [text.encode().split() for text in texts]
    assert [words[n].encode() for n in which] == [word for of_text in expected for word in of_text]
    assert lengths.tolist() == list(map(len, expected))


def test_all_white_space_of_unicode_divides_words() -> None:
    spaces = [chr(c) for c in range(0x110000) if chr(c).isspace()]
    _, _, lengths = numbered_words([f"a{space}b" for space in spaces])
    assert len(spaces) > 20
    assert np.all(lengths == 2)


def test_batches_have_every_word_of_every_text_once() -> None:
    texts = ["a b", "", "c " * PART, "d"]
    found = list(batches(texts))
    joined = ["".join(part for batch in found for n, part in batch if n == number) for number in range(len(texts))]
    assert joined == texts
    assert max(sum(len(part) for _, part in batch) for batch in found) < 2 * PART
