"""Words that are numbered in C are those of Python's own split."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.corpora.sentences import PART
from lmcompare.corpora.words import ASCII_SPACES, batches, numbered_words

TEXTS = st.lists(st.text(st.sampled_from("abß \t\n\v\f\r\x1c\x85\xa0\u2003\u3000\u200b"), max_size=30), max_size=5)


@given(TEXTS)
def test_words_are_those_of_split(texts: list[str]) -> None:
    words, which, lengths = numbered_words(texts)
    expected = [text.split() for text in texts]
    assert [words[n] for n in which] == [word for of_text in expected for word in of_text]
    assert lengths.tolist() == list(map(len, expected))
    assert words == list(dict.fromkeys(word for of_text in expected for word in of_text))


@given(TEXTS)
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
