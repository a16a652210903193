"""What white space, separators and unknown words cost: the code of all that is not a token."""

from __future__ import annotations

import json
import random
from unittest.mock import patch

import numpy as np
import pytest

from lmcompare.errors import LmcompareError
from lmcompare.tokens import TextCode, build_vocabulary, make_tokenizer, tokenise
from lmcompare.tokens.codelength.between import CLOSING, TokenClasses, shape
from tests.tokens.texts import BYTE_PAIRS, KINDS, TRAIN, WILD, document, lines

WORD = make_tokenizer({"kind": "word"})


def line_text(n_lines: int, seed: int) -> str:
    """Lines of 19 of 400 made-up words, one blank between them."""
    chance = random.Random(seed)
    words = ["".join(chance.choices("abcdefghij", k=4)) for _ in range(400)]
    return "".join(" ".join(chance.choices(words, k=19)) + "\n" for _ in range(n_lines))


@pytest.mark.slow
def test_what_is_sure_costs_nothing() -> None:
    # 100,000 tokens, each line a document: all white space and separators are determined.
    text = line_text(5000, 0)
    train = tokenise([document(line, "\n") for line in text.splitlines()], WORD)
    assert len(train) == 100_000
    vocabulary = build_vocabulary(train, WORD)
    code = TextCode.fit(train, WORD, vocabulary)
    test = tokenise([document(line, "\n") for line in text.splitlines()[:500]], WORD)
    assert code.overhead_bits(test, WORD, vocabulary).sum() / len(test) < 1e-4


@pytest.mark.slow
def test_in_a_line_corpus_the_closing_mark_is_the_newline() -> None:
    # One document of 5,000 lines: what is left to say is where it ends, about log2(5000) bits once.
    text = line_text(5000, 1)
    for kind in ("word", "byte"):
        tokenizer = make_tokenizer({"kind": kind})
        train = tokenise([lines(text)], tokenizer)
        vocabulary = build_vocabulary(train, tokenizer)
        code = TextCode.fit(train, tokenizer, vocabulary)
        separator = code.charge(train, tokenizer, vocabulary).separator
        assert separator[:-1].sum() / len(train) < 1e-4
        assert 5 < separator[-1] < 15


@pytest.mark.parametrize("kind", ["char", "byte"])
def test_tokens_that_touch_have_no_white_space_to_pay_for(kind: str) -> None:
    tokenizer = make_tokenizer({"kind": kind})
    vocabulary = build_vocabulary(TRAIN, tokenizer)
    code = TextCode.fit(TRAIN, tokenizer, vocabulary)
    assert code.white_space is None
    assert not code.charge(WILD, tokenizer, vocabulary).white_space.any()


def test_of_a_document_that_is_cut_whole_nothing_is_left_to_pay_for() -> None:
    tokenizer = make_tokenizer({"kind": BYTE_PAIRS}).fit([d.text for d in TRAIN])
    vocabulary = build_vocabulary(TRAIN, tokenizer)
    code = TextCode.fit(TRAIN, tokenizer, vocabulary)
    assert code.white_space is None
    assert code.separators is None
    assert not code.overhead_bits(WILD, tokenizer, vocabulary).any()


def test_who_pays_for_what() -> None:
    vocabulary = build_vocabulary(TRAIN, WORD, min_count=2)
    code = TextCode.fit(TRAIN, WORD, vocabulary)
    text = tokenise([document("The zebra sat.", "\n", "the", "")], WORD)
    bits = code.charge(text, WORD, vocabulary)
    # The zebra sat . </s> the </s>: zebra is spelled, separators follow the two </s>, white space is
    # charged at every token.
    assert np.flatnonzero(bits.spelling).tolist() == [1]
    assert bits.spelling[1] == pytest.approx(code.spelling.bits([b"zebra"])[0])
    assert np.flatnonzero(bits.separator).tolist() == [4, 6]
    assert bits.white_space.min() > 0
    assert np.array_equal(bits.total, bits.spelling + bits.white_space + bits.separator)
    assert np.array_equal(code.overhead_bits(text, WORD, vocabulary), bits.total)


def test_unusual_white_space_is_dearer() -> None:
    vocabulary = build_vocabulary(TRAIN, WORD, min_count=1)
    code = TextCode.fit(TRAIN, WORD, vocabulary)

    def space_bits(text: str) -> float:
        return float(code.charge([document(text, "\n")], WORD, vocabulary).white_space.sum())

    usual = space_bits("The cat sat on the mat.")
    assert usual < space_bits("The cat  sat on the mat.") < space_bits("The cat\u3000\tsat on the mat.")
    assert usual + 3 < space_bits("The cat sat on the mat .")


def test_unknown_words_are_learned_from_those_seen_once_else_from_the_rarest_tenth() -> None:
    once = [document("aa bb aa cc aa bb")]
    vocabulary = build_vocabulary(once, WORD)
    assert TextCode.fit(once, WORD, vocabulary).spelling.examples == (b"cc",)
    often = [document(" ".join(f"w{i}" for i in range(20) for _ in range(i + 2)))]
    vocabulary = build_vocabulary(often, WORD)
    assert TextCode.fit(often, WORD, vocabulary).spelling.examples == (b"w0", b"w1")


@pytest.mark.parametrize("kind", KINDS)
def test_stored_and_read_back_it_charges_the_same(kind: str) -> None:
    tokenizer = make_tokenizer({"kind": kind})
    vocabulary = build_vocabulary(TRAIN, tokenizer, min_count=2)
    code = TextCode.fit(TRAIN, tokenizer, vocabulary)
    again = TextCode.from_json(json.loads(json.dumps(code.to_json())))
    assert np.array_equal(
        again.overhead_bits(WILD, tokenizer, vocabulary),
        code.overhead_bits(tokenise(WILD, tokenizer), tokenizer, vocabulary),
    )


@pytest.mark.slow
def test_a_long_sentence_in_blocks_is_charged_the_same() -> None:
    text = [document(*(f'a "b  c" ("d") {"e " * n}"f" "' for n in range(30)))]
    whole = TextCode.fit(text, WORD, build_vocabulary(text, WORD))
    with patch("lmcompare.tokens.cutting.BLOCK_TOKENS", 3):
        vocabulary = build_vocabulary(text, WORD)
        blocks = TextCode.fit(text, WORD, vocabulary)
        charged = blocks.overhead_bits(text, WORD, vocabulary)
    assert blocks.to_json() == whole.to_json()
    assert charged.tolist() == whole.overhead_bits(text, WORD, vocabulary).tolist()


def test_another_tokenizer_vocabulary_or_version_is_refused() -> None:
    vocabulary = build_vocabulary(TRAIN, WORD, min_count=2)
    code = TextCode.fit(TRAIN, WORD, vocabulary)
    for kind in ("char", BYTE_PAIRS, "word"):
        tokenizer = make_tokenizer({"kind": kind})
        with pytest.raises(LmcompareError, match="fit it again"):
            code.overhead_bits(WILD, tokenizer, build_vocabulary(TRAIN, tokenizer))
    with pytest.raises(LmcompareError, match="another version"):
        TextCode.from_json({**code.to_json(), "version": 0})
    assert code.overhead_bits([], WORD, vocabulary).shape == (0,)  # no text costs nothing


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        *(("cat", "lower"), ("Cat", "title"), ("CAT", "upper"), ("iPhone", "mixed"), ("A", "capital")),
        *(("a", "letter"), ("1,000", "number"), ("猫", "unspaced"), ("。", "wide"), ("(", "Ps"), ("…", "Po")),
        ("😀", "So"),
    ],
)
def test_shapes(token: str, expected: str) -> None:
    assert shape(token) == expected


def test_a_straight_quotation_mark_opens_and_closes_in_turn() -> None:
    text = tokenise([document('a "b" "c" "', " ", '"d"')], WORD)
    classes = TokenClasses.fit(text)
    opens, closes = classes.names.index('="'), classes.names.index('/"')
    class_of = np.append(CLOSING, classes.of(text.types[1:]))
    refined = class_of[text.tokens]
    at, closing = classes.closing(text, class_of)
    refined[at] = closing
    marks = [("o" if c == opens else "c") for c in refined if c in (opens, closes)]
    assert "".join(marks) == "ococooc"  # the new sentence begins anew
