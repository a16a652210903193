"""Cutting documents into tokens: types, spans, spaces and separators by hand, and the text put together again."""

from __future__ import annotations

import re
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.corpora import Document
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.tokens import (
    IntArray,
    Separator,
    Tokenizer,
    cutting,
    make_tokenizer,
    pieces,
    sentence_begins,
    tokenise,
)
from lmcompare.tokens import rebuilt as put_together
from lmcompare.tokens.word import WhitespaceTokenizer
from tests.tokens.texts import BYTE_PAIRS, KINDS, WILD, document, documents, rebuilt


def test_worked_example() -> None:
    #        byte 0123456789
    # document 0: "é a" "\n" " b" "\r\n" "" ; document 1: "a"
    text = tokenise(
        [document("é a", "\n", " b", "\r\n", ""), document("a", name="e")], make_tokenizer({"kind": "word"})
    )
    assert text.types == ("</s>", "é", "a", "b")
    assert text.tokens.tolist() == [1, 2, 0, 3, 0, 0, 2, 0]
    assert text.spans.tolist() == [[0, 2], [3, 4], [4, 4], [6, 7], [7, 7], [9, 9], [0, 1], [1, 1]]
    assert text.starts.tolist() == [0, 6]
    assert [text.space_types[g] for g in text.spaces] == ["", " ", "", " ", "", "", "", ""]
    after = [text.separator_types[s] if s >= 0 else None for s in text.separators]
    line, other, end = Separator("\n", False), Separator("\r\n", False), Separator("", True)
    assert after == [None, None, line, None, other, end, None, end]
    assert text.n_bytes.tolist() == [9, 1]
    assert text.names == ("d", "e")
    assert text.surface().tolist() == ["é", "a", "</s>", "b", "</s>", "</s>", "a", "</s>"]
    assert text.counts().tolist() == [4, 1, 2, 1]
    assert text.sentence_starts.tolist() == [0, 3, 5, 6]


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*KINDS, BYTE_PAIRS])
@given(docs=documents())
def test_the_text_can_be_rebuilt(kind: str, docs: list[Document]) -> None:
    tokenizer = make_tokenizer({"kind": kind})
    text = tokenise(docs, tokenizer)
    assert rebuilt(text, tokenizer) == [d.text.encode() for d in docs]
    assert put_together(text, tokenizer) == b"".join(d.text.encode() for d in docs)
    assert text.n_bytes.tolist() == [len(d.text.encode()) for d in docs]
    for start, end, one in zip(text.starts, [*text.starts[1:], len(text)], docs, strict=True):
        data = one.text.encode()
        for at in range(start, end):
            if text.tokens[at]:
                a, b = text.spans[at]
                assert data[a:b] == tokenizer.token_bytes(text.types[text.tokens[at]])


@pytest.mark.parametrize("kind", [*KINDS, BYTE_PAIRS])
def test_wild_text_can_be_rebuilt(kind: str) -> None:
    tokenizer = make_tokenizer({"kind": kind})
    assert rebuilt(tokenise(WILD, tokenizer), tokenizer) == [d.text.encode() for d in WILD]


class Pairs(Tokenizer):
    """Cuts whole documents into pieces of two bytes."""

    description = "Two bytes a token."
    covers = "documents"

    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        data = text.encode("latin-1").decode("latin-1")
        starts = np.arange(0, len(data), 2)
        return [data[i : i + 2] for i in starts], np.stack([starts, np.minimum(starts + 2, len(data))], axis=1)


def test_sentences_of_a_document_that_is_cut_whole() -> None:
    #            byte 0123 4 567 8 9: sentences 0…3, 4…7, 7…7 and 8…10; "ab", "c ", "de", "fx", "gh"
    docs = [document("abc", " ", "def", "", "", "x", "gh"), document("", name="e"), document("a", name="f")]
    text = tokenise(docs, Pairs())
    assert text.surface().tolist() == ["ab", "c ", "de", "fx", "gh", "</s>", "</s>", "a", "</s>"]
    assert text.starts.tolist() == [0, 6, 7]
    # "fx" ends in the separator after the empty sentence 7…7, so that one is its sentence
    assert text.sentence_starts.tolist() == [0, 2, 3, 4, 6, 7]
    assert text.spans.tolist()[:6] == [[0, 2], [2, 4], [4, 6], [6, 8], [8, 10], [10, 10]]
    assert [text.separator_types[s] for s in text.separators if s >= 0] == 3 * [Separator("", True)]


@pytest.mark.parametrize(
    ("tokenize", "message"),
    [
        (lambda self, text: Pairs().tokenize(text.lower()), "Odd can't be joined"),
        (lambda self, text: (Pairs().tokenize(text)[0], Pairs().tokenize(text)[1][1:]), "offsets"),
        (lambda self, text: 1 / 0, "ZeroDivision"),
    ],
)
def test_a_plug_in_that_would_let_bytes_go_free_is_refused(tokenize: object, message: str) -> None:
    odd = type("Odd", (Pairs,), {"tokenize": tokenize})()
    with pytest.raises(LmcompareError, match=message):
        tokenise([document("A b")], odd)


class Short(WhitespaceTokenizer):
    """Leaves out words of more than five letters."""

    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        tokens, offsets = super().tokenize(text)
        kept = [i for i, token in enumerate(tokens) if len(token) <= 5]
        return [tokens[i] for i in kept], offsets[kept]


@pytest.mark.parametrize("text", ["Elephants are here", "Here are elephants", "Here elephants\tare"])
def test_a_plug_in_that_leaves_words_out_is_refused(text: str) -> None:
    assert len(tokenise([document("Cats\u2003are \x1chere")], Short())) == 4
    with pytest.raises(PluginError, match=r"Short leave out '[Ee]lephants'"):
        tokenise([document(text)], Short())


@pytest.mark.parametrize(
    ("method", "answer", "said"),
    [
        ("tokenize", None, "tokenize returned None"),
        ("tokenize", ((x for x in ["A b"]), [[0, 3]]), "returned a generator as tokens"),
        ("tokenize", (["A b"], [[0, 2.5]]), "offsets of shape (1, 2) and type float64"),
        ("tokenize", ([b"A b"], [[0, 3]]), "returned the token b'A b'"),
        ("tokenize", (["\ud800"], [[0, 3]]), "returned the token '\\ud800'"),
        ("tokenize", (["A b"], (x for x in [[0, 3]])), "offsets of shape ()"),
        ("token_bytes", "A b", "token_bytes returned a str"),
    ],
)
def test_what_is_no_answer_of_a_tokenizer_is_named(method: str, answer: object, said: str) -> None:
    with patch.object(Pairs, method, lambda *_: answer), pytest.raises(PluginError, match=re.escape(said)):
        tokenise([document("A b")], Pairs())


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*KINDS, BYTE_PAIRS])
@given(docs=documents(), size=st.integers(1, 40))
def test_a_text_in_small_blocks_is_the_same(kind: str, docs: list[Document], size: int) -> None:
    tokenizer = make_tokenizer({"kind": kind}).fit([d.text for d in docs])
    whole = tokenise(docs, tokenizer)
    with (
        patch.object(cutting, "BLOCK_BYTES", size),
        patch("lmcompare.tokens.cutting.BLOCK_TOKENS", size),
        patch("lmcompare.corpora.sentences.PART", size),
    ):
        found = tokenise(docs, tokenizer)
        blocks = list(found.blocks())
        assert found.counts().tolist() == whole.counts().tolist()
    for name in ("tokens", "spans", "starts", "sentence_starts", "separators", "n_bytes"):
        assert getattr(found, name).tolist() == getattr(whole, name).tolist()
    assert (found.types, found.separator_types) == (whole.types, whole.separator_types)
    strings = [[text.space_types[n] for n in text.spaces] for text in (found, whole)]
    assert strings[0] == strings[1]
    assert [n for block in blocks for n in range(len(whole))[block]] == list(range(len(whole)))
    assert all(block.stop - block.start <= 2 * size for block in blocks)


def test_a_literal_end_is_not_the_closing_one() -> None:
    text = tokenise([document("a </s>")], make_tokenizer({"kind": "whitespace"}))
    assert text.surface().tolist() == ["a", "</s>", "</s>"]
    assert text.closing_at().tolist() == [2]


def test_no_documents_and_empty_ones() -> None:
    word = make_tokenizer({"kind": "word"})
    assert len(tokenise([], word)) == 0
    text = tokenise([document("a"), Document("x", "", ()), document("")], word)
    assert text.starts.tolist() == [0, 2, 2]
    assert text.tokens.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("text", "sentences", "message"),
    [
        ("ab", (), "no sentence"),
        ("ab", ((1, 2),), "the first must begin at 0"),
        ("ab", ((0, 2), (1, 2)), "overlaps"),
        ("ab", ((0, 3),), "lies outside of the text"),
        ("a\ud800", ((0, 2),), "surrogate pair at character 1"),
    ],
)
def test_bytes_that_nobody_would_pay_for_are_refused(
    text: str, sentences: tuple[tuple[int, int], ...], message: str
) -> None:
    with pytest.raises(LmcompareError, match=message):
        tokenise([Document("x", text, sentences)], make_tokenizer({"kind": "word"}))


@given(st.text(min_size=1, max_size=30), st.lists(st.integers(0, 30), max_size=5))
def test_where_sentences_begin_in_bytes(text: str, begins: list[int]) -> None:
    spans = [(min(begin, len(text)), len(text)) for begin in begins]
    expected = [len(text[:begin].encode()) for begin, _ in spans]
    assert sentence_begins(text.encode(), spans).tolist() == expected


@given(st.text(alphabet="ab1é' \n.\x1c\x85s", max_size=60), st.lists(st.integers(0, 60), max_size=3))
def test_a_long_document_is_cut_in_parts_into_the_same_pieces(text: str, cuts: list[int]) -> None:
    tokenizer = make_tokenizer({"kind": "bpe", "pieces": 262}).fit(["a b' é 1. a\n b", "ab ab 'sé"])
    begins = sorted({0, *(min(cut, len(text)) for cut in cuts)})
    read = [Document("d", text, tuple((begin, begin) for begin in begins)), document("a b")]
    whole = tokenise(read, tokenizer)
    with patch.object(pieces, "PART", 2):
        assert "".join(tokenizer.parts(text)) == text
        parts = tokenise(read, tokenizer)
    for name in ("tokens", "spans", "starts", "sentence_starts", "separators"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    assert parts.types == whole.types
