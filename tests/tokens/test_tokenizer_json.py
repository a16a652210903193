"""A tokenizer written as ``tokenizer.json`` cuts as before when Hugging Face's library reads it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from unicodedata import category

import pytest
import tokenizers
from hypothesis import given

from lmcompare.errors import LmcompareError
from lmcompare.tokens import Tokenizer, Vocabulary, build_vocabulary, encode_prompt, make_tokenizer
from lmcompare.tokens.tokenizer_json import beginning_with_end
from tests.tokens.texts import BYTE_PAIRS, TEXTS, TRAIN, lines

ENDS = re.compile("</s>")  # of a text; these are ends of sentences in tokenizer.json


def written(kind: str, **options: object) -> tuple[Tokenizer, Vocabulary, tokenizers.Tokenizer]:
    """A tokenizer that has learnt from ``TRAIN``, its vocabulary, and what the library makes of its table."""
    tokenizer = make_tokenizer({"kind": kind, **options})
    tokenizer.fit([document.text for document in TRAIN])
    vocabulary = build_vocabulary(TRAIN, tokenizer)
    return tokenizer, vocabulary, tokenizers.Tokenizer.from_str(json.dumps(tokenizer.tokenizer_json(vocabulary)))


WRITTEN = {kind: written(kind) for kind in ("word", "whitespace", "char", "byte", "bpe")}


@pytest.mark.parametrize("kind", WRITTEN)
@given(text=TEXTS)
def test_random_texts_get_the_same_ids(kind: str, text: str) -> None:
    tokenizer, vocabulary, library = WRITTEN[kind]
    text = "".join(c for c in ENDS.sub("", text) if category(c) != "Cn")  # of these, libraries know different ones
    assert library.encode(text).ids == encode_prompt(text, tokenizer, vocabulary).tolist()


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_document_of_a_model_begins_with_an_end(kind: str) -> None:
    tokenizer, vocabulary, _ = WRITTEN[kind]
    library = tokenizers.Tokenizer.from_str(json.dumps(beginning_with_end(tokenizer.tokenizer_json(vocabulary))))
    text = "the cat sat"
    assert library.encode(text).ids == [vocabulary.end, *encode_prompt(text, tokenizer, vocabulary)]
    assert library.token_to_id("</s>") == vocabulary.end


def test_bytes_and_pieces_come_back_as_text() -> None:
    for kind in ("char", "byte", "bpe"):
        _, _, library = WRITTEN[kind]
        assert library.decode(library.encode("the cat, it's").ids) == "the cat, it's"


def test_marks_of_the_text_stay_whole() -> None:
    train = [lines("a @-@ b @-@ c -LRB- d -LRB- e-LRB- @-@\n")]
    tokenizer = make_tokenizer({"kind": "word"}).fit([train[0].text])
    vocabulary = build_vocabulary(train, tokenizer)
    library = tokenizers.Tokenizer.from_str(json.dumps(tokenizer.tokenizer_json(vocabulary)))
    for text in ("a @-@ b", "a@-@b -LRB-", "x -LRB-\u00a0@-@", "-LRB-d"):
        assert library.encode(text).ids == encode_prompt(text, tokenizer, vocabulary).tolist()
        assert library.encode(text).tokens == [vocabulary[i] for i in library.encode(text).ids]


@pytest.mark.parametrize("kind", ["word", "whitespace"])
def test_a_text_that_has_unk_as_a_word_is_refused(kind: str) -> None:
    tokenizer = make_tokenizer({"kind": kind}).fit(["a <unk> b <unk> c"])
    with pytest.raises(LmcompareError, match="<unk>"):
        tokenizer.tokenizer_json(Vocabulary.build([["a"]]))


def test_a_tokenizer_of_code_is_refused() -> None:
    with pytest.raises(LmcompareError, match="its own code"):
        make_tokenizer({"kind": BYTE_PAIRS}).tokenizer_json(Vocabulary.build([["a"]]))


def test_a_saved_tokenizer_gets_the_ids_of_the_vocabulary(tmp_path: Path) -> None:
    library = tokenizers.Tokenizer.from_str(written("bpe", pieces=300)[0].state().values["tokenizer"])
    library.add_special_tokens(["<|end|>"])
    library.save(str(tmp_path / "tokenizer.json"))
    tokenizer, vocabulary, library = written("saved", path=str(tmp_path / "tokenizer.json"))
    for text in ("the cat sat\non a mat", "<|end|>the<|end|>"):
        assert library.encode(text).ids == encode_prompt(text, tokenizer, vocabulary).tolist()


def test_a_model_of_ordered_pieces_is_refused(tmp_path: Path) -> None:
    library = tokenizers.Tokenizer(tokenizers.models.Unigram([("<unk>", 0.0), ("a", -1.0), ("b", -2.0)], unk_id=0))
    library.save(str(tmp_path / "tokenizer.json"))
    tokenizer = make_tokenizer({"kind": "saved", "path": str(tmp_path / "tokenizer.json")}).fit(["ab"])
    with pytest.raises(LmcompareError, match="Unigram"):
        tokenizer.tokenizer_json(Vocabulary.build([["a", "b"]]))
