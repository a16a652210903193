"""Vocabularies, encoded texts and excerpts of them, worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from lmcompare.corpora import Corpus, CorpusOptions, Document, load
from lmcompare.errors import LmcompareError
from lmcompare.tokens import (
    Encoded,
    TextCode,
    Vocabulary,
    build_vocabulary,
    encode,
    encode_prompt,
    excerpt,
    excerpt_parts,
    fingerprint_parts,
    make_tokenizer,
    tokenise,
    tokens_fingerprint,
)
from tests.tokens.texts import document, documents


def test_falling_counts_and_first_appearance() -> None:
    vocabulary = Vocabulary.build([["b", "a", "c", "a"], ["d", "c", "a"]], min_count=1)
    assert vocabulary.tokens == ("<unk>", "</s>", "a", "c", "b", "d")
    assert vocabulary.counts.tolist() == [0, 2, 3, 2, 1, 1]
    assert [vocabulary.id(t) for t in ("a", "d", "x", "<unk>", "</s>")] == [2, 5, 0, 0, 0]
    assert vocabulary.ids(["c", "x", "</s>"]).tolist() == [3, 0, 0]
    assert "a" in vocabulary
    assert "x" not in vocabulary
    assert len(vocabulary) == 6
    assert vocabulary[3] == "c"


def test_size_and_min_count_together() -> None:
    sentences = [["a"] * 3 + ["b"] * 2 + ["c"] * 2 + ["d"]]
    assert Vocabulary.build(sentences, min_count=2, size=4).tokens == ("<unk>", "</s>", "a", "b")
    assert Vocabulary.build(sentences, min_count=2, size=4).counts.tolist() == [3, 1, 3, 2]
    for counts, size, said in ((sentences, 6, "only 5 types .* 2 times or more"), ([["a"]], 2, "at least 3 types")):
        with pytest.raises(LmcompareError, match=said):
            Vocabulary.build(counts, min_count=2, size=size)


def test_tokens_that_always_stand_in_it() -> None:
    vocabulary = Vocabulary.build([["b", "x"]], min_count=2, always=["a", "b"])
    assert vocabulary.tokens == ("<unk>", "</s>", "b", "a")
    assert vocabulary.counts.tolist() == [1, 1, 1, 0]
    one = Vocabulary.build([["b", "b", "x"]], size=4, always=["a"])
    assert one.tokens == ("<unk>", "</s>", "b", "a")
    assert one.counts.tolist() == [1, 1, 2, 0]
    with pytest.raises(LmcompareError, match="at least 4 types"):
        Vocabulary.build([["b", "x"]], size=3, always=["a", "b"])


@pytest.mark.parametrize("tokens", [["a", "b"], ["<unk>", "</s>", "a", "a"], ["</s>", "<unk>"], ["<unk>", "a"]])
def test_ill_formed_vocabularies(tokens: list[str]) -> None:
    with pytest.raises(LmcompareError, match="vocabulary"):
        Vocabulary(tokens)


def test_without_an_unknown_token() -> None:
    vocabulary = Vocabulary(["b", "a", "</s>", "c"])
    assert vocabulary.unknown is None
    assert (vocabulary.end, vocabulary.special, vocabulary.text_tokens()) == (2, [2], ["b", "a", "c"])
    assert vocabulary.ids(["a", "c"]).tolist() == [1, 3]
    assert not vocabulary.is_unknown(np.array([0, 1, 2, 3])).any()
    for token in ("x", "</s>", "<unk>"):
        with pytest.raises(LmcompareError, match=r"not in the vocabulary, which has no <unk>"):
            vocabulary.id(token)


def test_the_ids_of_unknown_words_and_ends() -> None:
    vocabulary = Vocabulary(["<unk>", "a", "</s>"])
    assert (vocabulary.unknown, vocabulary.end, vocabulary.special) == (0, 2, [0, 2])
    assert vocabulary.is_unknown(np.array([[0, 1], [2, 0]])).tolist() == [[True, False], [False, True]]


def test_counts_are_read_only_and_equality_is_of_tokens() -> None:
    one = Vocabulary(["<unk>", "</s>", "a"], np.array([1, 2, 3]))
    assert one == Vocabulary(["<unk>", "</s>", "a"])
    assert hash(one) == hash(Vocabulary(["<unk>", "</s>", "a"]))
    assert one != Vocabulary(["<unk>", "</s>", "b"])
    with pytest.raises(ValueError, match="read-only"):
        one.counts[0] = 5


SMALL = Vocabulary(["<unk>", "</s>", "a", "b"])


# documents: "a b </s> a </s>", nothing, "b"
TEXT = Encoded(
    np.array([2, 3, 1, 2, 1, 3]),
    np.array([0, 5, 5]),
    SMALL,
    np.array([[0, 1], [2, 3], [3, 3], [4, 5], [5, 5], [0, 1]]),
    ("x", "y", "z"),
)


def test_documents_and_positions() -> None:
    assert len(TEXT) == 6
    assert TEXT.n_documents == 3
    assert TEXT.ends.tolist() == [5, 5, 6]
    assert [d.tolist() for d in TEXT.documents()] == [[2, 3, 1, 2, 1], [], [3]]
    assert TEXT.document_of(np.array([0, 4, 5, 6])).tolist() == [0, 0, 2, 2]
    assert TEXT.context_starts(np.array([0, 4, 5, 6])).tolist() == [0, 0, 5, 5]
    assert TEXT.sentence_starts().tolist() == [0, 3, 5]


def test_select_and_split() -> None:
    chosen = TEXT.select([2, 0])
    assert chosen.ids.tolist() == [3, 2, 3, 1, 2, 1]
    assert chosen.starts.tolist() == [0, 1]
    assert chosen.names == ("z", "x")
    assert chosen.spans is not None
    assert chosen.spans[0].tolist() == [0, 1]
    sentences = TEXT.split_sentences()
    assert sentences.starts.tolist() == [0, 3, 5]
    assert sentences.ids.tolist() == TEXT.ids.tolist()
    assert len(TEXT.select([])) == 0


def test_from_documents() -> None:
    text = Encoded.from_documents([[2, 1], [], [3]], SMALL)
    assert text.starts.tolist() == [0, 2, 2]
    assert text.spans is None
    assert text.names == ("0", "1", "2")
    assert len(Encoded.from_documents([], SMALL)) == 0


def test_read_only_and_apart_from_the_caller() -> None:
    ids = np.array([2, 3], np.int32)
    text = Encoded(ids, np.array([0]), SMALL)
    ids[0] = 1
    assert text.ids.tolist() == [2, 3]
    with pytest.raises(ValueError, match="read-only"):
        text.ids[0] = 1


@pytest.mark.parametrize(
    ("ids", "starts", "message"),
    [
        ([4], [0], "between 0 and 3"),
        ([-1], [0], "between 0 and 3"),
        ([2], [], "tokens but no documents"),
        ([2, 2], [1], "must begin at 0"),
        ([2, 2], [0, 2, 1], "must not decrease"),
        ([2, 2], [0, 3], "within the text"),
        ([[2]], [0], "one dimension"),
    ],
)
def test_ill_formed_texts(ids: list[int], starts: list[int], message: str) -> None:
    with pytest.raises(LmcompareError, match=message):
        Encoded(np.array(ids), np.array(starts, np.int64), SMALL)


@pytest.mark.parametrize("ids", [[2.5], [True], ["2"], [2, 2**32 + 2], [-1], np.array([0.0])])
def test_ids_are_whole_numbers_of_the_vocabulary(ids: Any) -> None:
    with pytest.raises(LmcompareError, match="token ids"):
        Encoded.from_documents([ids], SMALL)
    with pytest.raises(LmcompareError, match="token ids"):
        Encoded(np.asarray(ids), np.array([0]), SMALL)


@pytest.mark.parametrize("token", [-1, 4, 1.5, True, np.int32(4), np.int64(-1)])
def test_one_id_is_checked_as_many_are(token: Any) -> None:
    for check in (SMALL.check_one, lambda one: SMALL.check([one])):
        with pytest.raises(LmcompareError, match="token ids"):
            check(token)
    known: tuple[Any, ...] = (0, 3, np.int32(3))
    for good in known:
        SMALL.check_one(good)


@pytest.mark.parametrize("at", [[-1], [3, 9], [0.5]])
def test_positions_that_there_are_not_are_refused(at: list[float]) -> None:
    text = Encoded.from_documents([[2, 1, 2], [1, 2]], SMALL)
    for ask in (text.document_of, text.context_starts, text.check_positions):
        with pytest.raises(LmcompareError, match="positions"):
            ask(np.array(at))
    assert text.document_of(np.array([0, 2, 3, 5])).tolist() == [0, 0, 1, 1]
    assert text.context_starts(np.array([])).tolist() == []
    text.check_positions(np.array([]))


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


def test_literal_marks_in_the_text_are_unknown_words() -> None:
    white = make_tokenizer({"kind": "whitespace"})
    docs = [document("a </s> <unk> a a a </s> </s>")]
    vocabulary = build_vocabulary(docs, white)
    assert vocabulary.tokens == ("<unk>", "</s>", "a")
    assert vocabulary.counts.tolist() == [4, 1, 4]
    assert encode(docs, white, vocabulary).ids.tolist() == [2, 0, 0, 2, 2, 2, 0, 0, 1]
    assert tokenise(docs, white).surface().tolist()[-2:] == ["</s>", "</s>"]


@given(docs=documents())
def test_tokenising_once_gives_the_same(docs: list[Document]) -> None:
    vocabulary = Vocabulary(["<unk>", "</s>", "x", "a", "the"])
    a, b = encode(docs, WORD, vocabulary), encode(tokenise(docs, WORD), WORD, vocabulary)
    assert np.array_equal(a.ids, b.ids)
    assert np.count_nonzero(a.ids == vocabulary.end) == sum(len(d.sentences) for d in docs)


def test_a_prompt_is_left_open() -> None:
    vocabulary = Vocabulary(["<unk>", "</s>", "the", "cat", "."])
    assert encode_prompt("the cat", WORD, vocabulary).tolist() == [2, 3]
    assert encode_prompt("the cat.\r\nthe dog", WORD, vocabulary).tolist() == [2, 3, 4, 1, 2, 0]
    assert encode_prompt("the\n", WORD, vocabulary).tolist() == [2, 1]
    assert encode_prompt("", WORD, vocabulary).tolist() == []
    assert encode_prompt("the", WORD, vocabulary).dtype == np.int32
    with pytest.raises(LmcompareError, match="UTF-8"):
        encode_prompt("the \ud800", WORD, vocabulary)
    byte = make_tokenizer({"kind": "byte"})
    known = build_vocabulary([document("abc")], byte, min_count=2)
    assert known.unknown not in encode([document("日本\x00", "\n", "é")], byte, known).ids


def test_the_fingerprint_tells_apart_what_may_not_be_compared() -> None:
    one, two = Vocabulary(["<unk>", "</s>", "a", "b"]), Vocabulary(["<unk>", "</s>", "b", "a"])
    prints = [
        tokens_fingerprint(corpus, tokenizer, vocabulary)
        for corpus, tokenizer, vocabulary in (("c", WORD, one), ("d", WORD, one), ("c", CHAR, one), ("c", WORD, two))
    ]
    assert len(set(prints)) == 4
    assert all(len(p) == 16 and int(p, 16) >= 0 for p in prints)
    assert tokens_fingerprint("c", make_tokenizer({"kind": "word"}), one) == prints[0]
    parts = fingerprint_parts(WORD, one)
    assert set(parts) == {"tokenizer", "vocabulary", "charged"}
    for other, differ in ((fingerprint_parts(WORD, two), "vocabulary"), (fingerprint_parts(CHAR, one), "tokenizer")):
        assert [name for name in parts if parts[name] != other[name]] == [differ]


NAMES = Vocabulary(["<unk>", "</s>", *(f"w{k}" for k in range(12))])


def test_an_excerpt_of_one_long_document_is_spread_over_it() -> None:
    ids = np.tile([2, 3, 4, 5, 1], 8000)
    ids[ids == 2] = np.arange(8000) % 7 + 5
    text = Encoded.from_documents([ids], NAMES)
    part = excerpt(text, 4096)
    assert part.n_documents == 8
    assert len(part) == 4096
    for number, stretch in enumerate(part.documents()):
        start = number * 5000  # a sentence begins there
        np.testing.assert_array_equal(stretch, ids[start : start + len(stretch)])


def test_an_excerpt_has_a_share_of_every_document() -> None:
    lengths = [37, 1, 0, 12, 64, 5]
    text = Encoded.from_documents([np.arange(size) % 11 + 2 for size in lengths], NAMES)
    part = excerpt(text, 40)
    assert 40 <= len(part) <= 40 + text.n_documents
    for whole, cut in zip(text.documents(), part.documents(), strict=True):
        assert len(cut) == math.ceil(len(whole) * 40 / len(text))
        np.testing.assert_array_equal(cut, whole[: len(cut)])
    assert excerpt(text, 10_000) is text


@pytest.mark.parametrize("tokens", [40, 4096, 10**6])
@pytest.mark.parametrize("lengths", [(40_000,), (30, 0, 70, 25), (9000, 9000)])
def test_the_parts_are_where_its_tokens_are_in_the_text(lengths: tuple[int, ...], tokens: int) -> None:
    text = Encoded.from_documents([np.arange(size) % 11 + 1 for size in lengths], NAMES)
    parts = [text.ids[begin:end] for begin, end in zip(*excerpt_parts(text, tokens), strict=True)]
    for cut, part in zip(excerpt(text, tokens).documents(), parts, strict=True):
        np.testing.assert_array_equal(cut, part)


@pytest.fixture(scope="module")
def lee() -> Corpus:
    return load("lee", CorpusOptions(sentences="line"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "fingerprint", "overhead_bits"),
    [
        ("word", "60917fc3f81de0ad", 19097.55174129109),
        ("whitespace", "3312ab7a58290882", 21194.650392036838),
        ("char", "0fb3be7a07913353", 3.8067090955664156e-06),
        ("byte", "06f428d25b77aa7d", 3.8067090955664156e-06),
    ],
)
def test_a_real_text_has_the_tokens_and_bits_that_it_always_had(
    kind: str, fingerprint: str, overhead_bits: float, lee: Corpus
) -> None:
    tokenizer = make_tokenizer({"kind": kind})
    train = tokenise(lee.train, tokenizer)
    vocabulary = build_vocabulary(train, tokenizer, min_count=tokenizer.usual_min_count)
    assert tokens_fingerprint(lee.fingerprint, tokenizer, vocabulary) == fingerprint
    code = TextCode.fit(train, tokenizer, vocabulary)
    assert code.overhead_bits(lee.test, tokenizer, vocabulary).sum() == pytest.approx(overhead_bits, rel=1e-12)
