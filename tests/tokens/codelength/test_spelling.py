from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.tokens.codelength.spelling import ALPHABET, END, SpellingModel
from tests.tokens.codelength.decoding import decisions, word_reader, word_symbols

WORDS = [b"cat", b"cats", b"catalogue", b"dog", b"dogs", "été".encode(), b"1990", b"<unk>"]
MODEL = SpellingModel(WORDS)


@given(word=st.binary(max_size=12))
def test_any_bytes_can_be_spelled_at_the_bits_of_the_decisions(word: bytes) -> None:
    steps = list(decisions(word_reader(MODEL), word_symbols(word)))
    assert len(steps) == len(word) + 1
    for distribution, _ in steps:
        assert distribution.shape == (ALPHABET,)
        assert distribution.sum() == pytest.approx(1, abs=1e-12)
    assert -sum(np.log2(p[s]) for p, s in steps) == pytest.approx(MODEL.bits([word])[0])


def test_many_words_are_charged_as_each_alone() -> None:
    words = [b"", b"cat", b"</s>", b"\x00\xff", b"cat"]
    assert MODEL.bits(words) == pytest.approx([MODEL.bits([w])[0] for w in words])
    assert MODEL.bits([]).shape == (0,)


def test_likely_words_are_cheap_and_strange_ones_dear() -> None:
    cats, qqqq = MODEL.bits([b"cats", b"qqqq"])
    assert cats < 8
    assert qqqq > 30


def test_words_of_up_to_two_bytes_and_the_rest_make_up_everything() -> None:
    # The probability of all words shorter than 2 bytes, and of all beginnings of 2 bytes, is one.
    short = [b"", *(bytes([a]) for a in range(256))]
    total = float(np.sum(2.0 ** -MODEL.bits(short)))
    first = next(iter(decisions(word_reader(MODEL), [END])))[0]
    goes_on = 0.0
    for a in range(256):
        second = list(decisions(word_reader(MODEL), [a, END]))[1][0]
        goes_on += first[a] * (1 - second[END])
    assert total + goes_on == pytest.approx(1, abs=1e-9)


def test_without_examples_every_byte_is_as_likely() -> None:
    assert SpellingModel([]).bits([b"ab"])[0] == pytest.approx(3 * np.log2(257))


def test_the_order_of_examples_and_repeats_do_not_matter() -> None:
    again = SpellingModel(itertools.chain(reversed(WORDS), WORDS))
    assert np.array_equal(again.bits(WORDS), MODEL.bits(WORDS))


def test_json_gives_the_same_model() -> None:
    again = SpellingModel.from_json(json.loads(json.dumps(MODEL.to_json())))
    words = [*WORDS, b"\xff\x00new"]
    assert np.array_equal(again.bits(words), MODEL.bits(words))
    odd = SpellingModel([b"\xff\x80", b"a"], order=2)
    assert SpellingModel.from_json(odd.to_json()).examples == odd.examples
