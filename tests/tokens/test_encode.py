from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from lmcompare.corpora import Document
from lmcompare.errors import LmcompareError
from lmcompare.tokens import (
    Vocabulary,
    build_vocabulary,
    encode,
    encode_prompt,
    fingerprint_parts,
    make_tokenizer,
    tokenise,
    tokens_fingerprint,
)
from tests.tokens.texts import KINDS, document, documents

WORD, CHAR = make_tokenizer({"kind": "word"}), make_tokenizer({"kind": "char"})


def test_worked_example() -> None:
    train = [document("the cat the dog", "\n", "the cat", "\n")]
    vocabulary = build_vocabulary(train, WORD, min_count=2)
    assert vocabulary.tokens == ("<unk>", "</s>", "the", "cat")
    assert vocabulary.counts.tolist() == [1, 2, 3, 2]
    test = [document("the é cat", "\n", "dog"), document("cat", name="e")]
    encoded = encode(test, WORD, vocabulary)
    assert encoded.ids.tolist() == [2, 0, 3, 1, 0, 1, 3, 1]
    assert encoded.ids.dtype == np.int32
    assert encoded.starts.tolist() == [0, 6]
    assert encoded.names == ("d", "e")
    assert encoded.spans is not None
    assert encoded.spans.tolist() == [[0, 3], [4, 6], [7, 10], [10, 10], [11, 14], [14, 14], [0, 3], [3, 3]]
    assert tokenise(test, WORD).surface().tolist() == ["the", "é", "cat", "</s>", "dog", "</s>", "cat", "</s>"]


def test_size_and_train_too_small() -> None:
    train = [document("the cat the dog the cat")]
    assert build_vocabulary(train, WORD, size=4).tokens == ("<unk>", "</s>", "the", "cat")
    with pytest.raises(LmcompareError, match="only 5 types"):
        build_vocabulary(train, WORD, size=6)
    with pytest.raises(LmcompareError, match="lower min_count"):
        build_vocabulary(train, WORD, min_count=4)


def test_literal_marks_in_the_text_are_unknown_words() -> None:
    white = make_tokenizer({"kind": "whitespace"})
    docs = [document("a </s> <unk> a a a </s> </s>")]
    vocabulary = build_vocabulary(docs, white)
    assert vocabulary.tokens == ("<unk>", "</s>", "a")
    assert vocabulary.counts.tolist() == [4, 1, 4]
    assert encode(docs, white, vocabulary).ids.tolist() == [2, 0, 0, 2, 2, 2, 0, 0, 1]
    assert tokenise(docs, white).surface().tolist()[-2:] == ["</s>", "</s>"]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30)
@given(docs=documents())
def test_tokenising_once_gives_the_same(kind: str, docs: list[Document]) -> None:
    tokenizer = make_tokenizer({"kind": kind})
    cut = tokenise(docs, tokenizer)
    vocabulary = Vocabulary(["<unk>", "</s>", "x", "a", "the"])
    a, b = encode(docs, tokenizer, vocabulary), encode(cut, tokenizer, vocabulary)
    assert np.array_equal(a.ids, b.ids)
    assert np.count_nonzero(a.ids == vocabulary.end) == sum(len(d.sentences) for d in docs)


def test_bytes_are_never_unknown() -> None:
    tokenizer = make_tokenizer({"kind": "byte"})
    vocabulary = build_vocabulary([document("abc")], tokenizer, min_count=2)
    assert len(vocabulary) == 258
    assert vocabulary.unknown not in encode([document("日本\x00", "\n", "é")], tokenizer, vocabulary).ids


def test_a_prompt_is_left_open() -> None:
    vocabulary = Vocabulary(["<unk>", "</s>", "the", "cat", "."])
    assert encode_prompt("the cat", WORD, vocabulary).tolist() == [2, 3]
    assert encode_prompt("the cat.\r\nthe dog", WORD, vocabulary).tolist() == [2, 3, 4, 1, 2, 0]
    assert encode_prompt("the\n", WORD, vocabulary).tolist() == [2, 1]
    assert encode_prompt("", WORD, vocabulary).tolist() == []
    assert encode_prompt("the", WORD, vocabulary).dtype == np.int32
    with pytest.raises(LmcompareError, match="UTF-8"):
        encode_prompt("the \ud800", WORD, vocabulary)


def test_the_fingerprint_tells_apart_what_may_not_be_compared() -> None:
    one, two = Vocabulary(["<unk>", "</s>", "a", "b"]), Vocabulary(["<unk>", "</s>", "b", "a"])
    prints = [
        tokens_fingerprint("c", WORD, one),
        tokens_fingerprint("d", WORD, one),
        tokens_fingerprint("c", CHAR, one),
        tokens_fingerprint("c", WORD, two),
    ]
    assert len(set(prints)) == 4
    assert all(len(p) == 16 and int(p, 16) >= 0 for p in prints)
    assert tokens_fingerprint("c", make_tokenizer({"kind": "word"}), one) == prints[0]


def test_its_parts_say_in_what_two_differ() -> None:
    one, two = Vocabulary(["<unk>", "</s>", "a", "b"]), Vocabulary(["<unk>", "</s>", "b", "a"])
    parts = fingerprint_parts(WORD, one)
    assert set(parts) == {"tokenizer", "vocabulary", "charged"}
    for other, differ in ((fingerprint_parts(WORD, two), "vocabulary"), (fingerprint_parts(CHAR, one), "tokenizer")):
        assert [name for name in parts if parts[name] != other[name]] == [differ]
