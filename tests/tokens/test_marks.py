"""Marks of a text that is tokenised already."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.corpora import documents_of
from lmcompare.tokens import (
    TextCode,
    build_vocabulary,
    encode,
    make_tokenizer,
    rebuilt,
    tokenise,
    tokens_fingerprint,
    word,
)
from lmcompare.tokens.word import MarkedTokenizer, escaped, find_marks, is_tokenised, unescaped

WIKITEXT = (
    " = <unk> = \n \n The <unk> was built in 1 @,@ 200 days , with well @-@ known <unk> .\n",
    " It cost 2 @.@ 5 million -LRB- <unk> -RRB- , and <unk> &amp; sons left well @-@ off .\n",
)
PLAIN = ("The <b>tower</b>, which was built in 1,200 days, is well-known. It says <unk> once.\n",)


def test_marks_stand_alone_and_occur_more_than_once() -> None:
    assert find_marks(WIKITEXT) == {"<unk>": 5, "@-@": 2}
    assert find_marks(PLAIN) == {}
    often = ["word " * 30_000 + "<unk> <unk>\n"]  # twice in 30,000 words are left to chance
    assert find_marks(often) == {}
    assert find_marks([often[0] + "<unk> <unk>\n"]) == {"<unk>": 4}


def test_a_tokenised_text_has_white_space_before_its_commas() -> None:
    assert is_tokenised(WIKITEXT)
    assert not is_tokenised(PLAIN)
    assert not is_tokenised(["no comma here"])
    assert is_tokenised(["Mr. Smith , of Smith Corp. , left .\n"])


def test_the_word_tokenizer_keeps_marks_whole() -> None:
    tokenizer = make_tokenizer({"kind": "word"})
    text = "a well @-@ known <unk> <unk>s <other> .\n"
    assert " ".join(tokenizer.tokenize(text)[0]) == "a well @ - @ known < unk > < unk > s < other > ."
    tokenizer.fit(WIKITEXT)
    tokens, offsets = tokenizer.tokenize(text)
    assert " ".join(tokens) == "a well @-@ known <unk_> < unk > s < other > ."
    assert [text[start:end] for start, end in offsets[:5]] == ["a", "well", "@-@", "known", "<unk>"]
    assert tokenizer.detokenize(["the", "<unk_>", "."]) == "the <unk>."


def test_white_space_keeps_the_unknown_words_of_the_text_apart() -> None:
    tokenizer = make_tokenizer({"kind": "whitespace"}).fit(WIKITEXT)
    assert tokenizer.tokenize("a <unk> @-@ <unk_> <unk")[0] == ["a", "<unk_>", "@-@", "<unk__>", "<unk"]
    assert tokenizer.detokenize(["a", "<unk_>", "<unk__>"]) == "a <unk> <unk_>"
    plain = make_tokenizer({"kind": "whitespace"}).fit(PLAIN)
    assert plain.tokenize("a <unk> <unk_>")[0] == ["a", "<unk>", "<unk_>"]


@pytest.mark.parametrize("kind", ["word", "whitespace"])
def test_a_mark_is_a_known_word_without_spelling(kind: str) -> None:
    train, test = documents_of(WIKITEXT), documents_of(["the <unk> was zyx .\n"])
    tokenizer = make_tokenizer({"kind": kind}).fit([d.text for d in train])
    cut = tokenise(train, tokenizer)
    vocabulary = build_vocabulary(cut, tokenizer)
    assert "<unk_>" in vocabulary
    assert vocabulary.counts[vocabulary.id("<unk_>")] == 5
    assert vocabulary.counts[vocabulary.unknown] == 0
    held_out = tokenise(test, tokenizer)
    ids = encode(held_out, tokenizer, vocabulary).ids
    known = [vocabulary[i] for i in ids]  # "the", "zyx" are unknown
    assert known == ["<unk>", "<unk_>", "was", "<unk>", ".", "</s>"]
    bits = TextCode.fit(cut, tokenizer, vocabulary).overhead_bits(held_out, tokenizer, vocabulary)
    assert bits[1] < 3 < bits[3]  # white space alone; white space and a spelling


MARKS = ["<unk>", "<unk_>", "<unk__>", "</s>", "</s_>", "@-@", "a", "<", ">", "unk"]


@pytest.mark.parametrize("kind", ["word", "whitespace"])
@given(st.lists(st.sampled_from(MARKS), max_size=9))
def test_the_text_can_be_put_together_again(kind: str, words: list[str]) -> None:
    tokenizer = make_tokenizer({"kind": kind}).fit(["<unk> </s> @-@ <unk> </s> @-@\n"])
    text = " ".join(words)
    assert rebuilt(tokenise(documents_of([text]), tokenizer), tokenizer) == text.encode()


@given(st.text(alphabet="<unk_/s>", max_size=12))
def test_escaping_can_be_undone_and_avoids_the_reserved_names(word: str) -> None:
    assert unescaped(escaped(word)) == word
    assert escaped(word) not in ("<unk>", "</s>")


def test_what_was_learnt_is_stored_and_part_of_the_fingerprint() -> None:
    fitted = make_tokenizer({"kind": "word"}).fit(WIKITEXT)
    restored = make_tokenizer({"kind": "word"}, fitted.state())
    text = "a <unk> well @-@ known ."
    assert restored.tokenize(text)[0] == fitted.tokenize(text)[0]
    assert np.array_equal(restored.tokenize(text)[1], fitted.tokenize(text)[1])
    assert restored.notes == fitted.notes
    plain = make_tokenizer({"kind": "word"}).fit(PLAIN)
    vocabulary = build_vocabulary(documents_of(PLAIN), plain)
    prints = {tokens_fingerprint("corpus", t, vocabulary) for t in (fitted, restored, plain)}
    assert len(prints) == 2
    assert not plain.state().values  # nothing learnt: the fingerprint is that of the tokenizer alone
    assert plain.notes == ()


def test_what_is_said_of_a_tokenised_text() -> None:
    first, shown, advice = make_tokenizer({"kind": "word"}).fit(WIKITEXT).notes
    assert "<unk> (5 times), @-@ (2 times)" in first
    assert "shown as <unk_>" in shown
    assert "--tokens whitespace" in advice
    assert make_tokenizer({"kind": "whitespace"}).fit(["a , b"]).notes == ()


RUNS = st.sampled_from(
    [" ", "\n", "\t ", "\x1c", "\x85", "\u2003", "it's", "<unk>", "@-@", "a\u0301", "é", "我们", "1,000", "x"]
)


@given(parts=st.lists(RUNS, max_size=40))
@pytest.mark.parametrize("kind", ["word", "whitespace"])
def test_a_long_text_is_cut_like_a_short_one(kind: str, parts: list[str]) -> None:
    tokenizer = make_tokenizer({"kind": kind}).fit(WIKITEXT)
    assert isinstance(tokenizer, MarkedTokenizer)
    text = "".join(parts)
    tokens, offsets = tokenizer.tokenize(text)
    with patch.object(word, "LONG", 1), patch("lmcompare.corpora.sentences.PART", 5):
        again, same = tokenizer.tokenize(text)
        assert "".join(tokenizer.parts(text)) == text
    assert again == tokens
    np.testing.assert_array_equal(same, offsets)
