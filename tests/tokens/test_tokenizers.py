"""The tokenizers that learn nothing: where they cut, what they say of themselves, and text put together again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import regex
from hypothesis import given

from lmcompare.corpora import load
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.tokens import (
    END_TOKEN,
    UNKNOWN_TOKEN,
    Tokenizer,
    Vocabulary,
    as_text,
    fit_tokenizer,
    is_tokenizer,
    make_tokenizer,
    tokenise,
)
from lmcompare.tokens.word import BYTE_NAMES
from tests.checks.tokenizer_rogues import Honest
from tests.tokens.texts import KINDS, TEXTS

WORD = make_tokenizer({"kind": "word"})


CUTS = {
    "The cat sat.": ["The", "cat", "sat", "."],
    "don't O’Brien l'eau rock'n'roll": ["don't", "O’Brien", "l'eau", "rock'n'roll"],
    "the cat's and Wien’s it's ANNE'S 1990's": (
        ["the", "cat", "'s", "and", "Wien", "’s", "it", "'s", "ANNE", "'S", "1990", "'s"]
    ),
    "it's'x 'sad' 's": ["it", "'s", "'", "x", "'", "sad", "'", "'", "s"],
    "1,000.5 3.14, 1990s B12 19th 2.0.": ["1,000.5", "3.14", ",", "1990s", "B12", "19th", "2.0", "."],
    "a well-known U.S. 1914–18": ["a", "well", "-", "known", "U", ".", "S", ".", "1914", "–", "18"],
    "wait... no.. -- --- ----": ["wait", "...", "no", ".", ".", "--", "---", "---", "-"],
    "foo_bar(x) != <unk></s>": (["foo", "_", "bar", "(", "x", ")", "!", "=", "<", "unk", ">", "<", "/", "s", ">"]),
    "我们的cat。スーパー": ["我", "们", "的", "cat", "。", "ス", "ー", "パ", "ー"],
    "ที่ดี": ["ที่", "ดี"],  # each consonant with its vowel and tone marks
    "한국어 말": ["한국어", "말"],  # Hangul is written with blanks
    "cafe\u0301 e\u0301te\u0301 \u0301x": ["cafe\u0301", "e\u0301te\u0301", "\u0301x"],
    "می\u200cخواهم co\u00adop": ["می\u200cخواهم", "co\u00adop"],
    "👩\u200d👩\u200d👧\u200d👦❤\ufe0f🇩🇪🇫🇷👍🏽1\ufe0f\u20e3": (
        ["👩\u200d👩\u200d👧\u200d👦", "❤\ufe0f", "🇩🇪", "🇫🇷", "👍🏽", "1\ufe0f\u20e3"]
    ),
    "a\u200bb\ufeffc\x00\x1cd": ["a", "\u200b", "b", "\ufeff", "c", "\x00", "\x1c", "d"],
    " \t\u00a0\u3000\u2028 ": [],
    "": [],
}


@pytest.mark.parametrize("text", CUTS)
def test_words(text: str) -> None:
    assert WORD.tokenize(text)[0] == CUTS[text]


def test_whitespace_cuts_at_white_space_alone() -> None:
    tokens, spans = make_tokenizer({"kind": "whitespace"}).tokenize("  don't,\tstop \u00a0now\u3000é. ")
    assert tokens == ["don't,", "stop", "now", "é."]
    assert spans.tolist() == [[2, 8], [9, 13], [16, 19], [22, 25]]  # NBSP takes 2 bytes, U+3000 takes 3, é takes 2


def test_char_and_byte() -> None:
    tokens, spans = make_tokenizer({"kind": "char"}).tokenize("a é😀")
    assert tokens == ["a", " ", "é", "😀"]
    assert spans.tolist() == [[0, 1], [1, 2], [2, 4], [4, 8]]
    tokens, spans = make_tokenizer({"kind": "byte"}).tokenize("a é\n")
    assert tokens == ["a", " ", "<0xC3>", "<0xA9>", "<0x0A>"]
    assert spans.tolist() == [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]]


@pytest.mark.parametrize("kind", KINDS)
@given(text=TEXTS)
def test_every_byte_but_white_space_is_in_one_token(kind: str, text: str) -> None:
    tokenizer = make_tokenizer({"kind": kind})
    tokens, spans = tokenizer.tokenize(text)
    data, reached = text.encode(), 0
    assert spans.shape == (len(tokens), 2)
    for token, (start, end) in zip(tokens, spans.tolist(), strict=True):
        gap = data[reached:start].decode()
        assert not gap or (regex.fullmatch(r"\s+", gap) and tokenizer.covers == "words")
        assert data[start:end] == tokenizer.token_bytes(token)
        assert start < end
        if kind in ("word", "whitespace"):
            assert not regex.search(r"\s", token)
        reached = end
    assert not data[reached:] or regex.fullmatch(r"\s+", data[reached:].decode())


@pytest.mark.parametrize("kind", ["char", "byte"])
@given(text=TEXTS)
def test_detokenize_is_exact_for_tokens_that_cover_white_space(kind: str, text: str) -> None:
    tokenizer = make_tokenizer({"kind": kind})
    tokens = tokenizer.tokenize(text)[0]
    assert tokenizer.detokenize(tokens) == text
    assert tokenizer.detokenize([*tokens, END_TOKEN, *tokens]) == f"{text}\n{text}"


@given(text=TEXTS)
def test_detokenize_loses_no_token_and_no_character(text: str) -> None:
    whitespace = make_tokenizer({"kind": "whitespace"})
    tokens = [t for t in whitespace.tokenize(text)[0] if t != END_TOKEN]
    assert whitespace.tokenize(whitespace.detokenize(tokens))[0] == tokens
    words = WORD.tokenize(text)[0]
    assert regex.sub(r"\s", "", WORD.detokenize(words)) == "".join(words)


def test_bytes_that_are_no_text_are_printed_all_the_same() -> None:
    assert make_tokenizer({"kind": "byte"}).detokenize(["a", "<0xC3>", "b", UNKNOWN_TOKEN]) == "a\ufffdb<unk>"


def test_the_256_bytes_have_names_of_their_own() -> None:
    assert len(set(BYTE_NAMES)) == 256
    assert not {UNKNOWN_TOKEN, END_TOKEN} & set(BYTE_NAMES)
    assert all(name.isprintable() and name.isascii() for name in BYTE_NAMES)
    tokenizer = make_tokenizer({"kind": "byte"})
    vocabulary = Vocabulary.build([["a"]], always=tokenizer.always_tokens)
    assert len(vocabulary) == 258
    assert all(tokenizer.token_bytes(vocabulary[vocabulary.id(n)]) == bytes([b]) for b, n in enumerate(BYTE_NAMES))


@pytest.mark.parametrize("kind", KINDS)
def test_spec_makes_the_same_tokenizer(kind: str) -> None:
    tokenizer = make_tokenizer({"kind": kind, "min_count": 2, "size": 100})
    assert tokenizer.spec == {"kind": kind}
    assert make_tokenizer(tokenizer.spec).spec == tokenizer.spec
    assert type(tokenizer)().spec == tokenizer.spec
    assert tokenizer.description.endswith(".")


@pytest.mark.parametrize(
    ("table", "hint"),
    [
        ({"kind": "wrod"}, "did you mean 'word'"),
        ({"kind": "sentencepiece-xyz"}, "there are: bins, bpe, byte, char, hf, quantiles, saved, sax"),
        ({"kind": 3}, "name of a tokenizer, not 3"),
        ({"kind": "char", "min_cuont": 2}, "did you mean 'min_count'"),
    ],
)
def test_unknown_kinds_and_options_name_the_right_ones(table: dict[str, object], hint: str) -> None:
    with pytest.raises(LmcompareError, match=hint):
        make_tokenizer(table)
    assert make_tokenizer({}).spec == WORD.spec


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        *(("notes", value, "notes of Odd must be") for value in (5, "ab", (5,))),
        *(("notes", value, "(notes|a note) of Odd") for value in (("x",) * 101, ("x" * 2001,))),
        *(("always_tokens", value, "always_tokens of Odd must be") for value in (5, "ab", (5,), ("\ud800",))),
        ("types", 5, "types of Odd must be"),
        ("tokenize", lambda self, text: (["\ud800"], np.array([[0, 1]])), "Odd's tokenize returned"),
    ],
)
def test_what_a_plug_in_says_of_itself_is_text(name: str, value: Any, said: str) -> None:
    _cut_by(Honest())
    with pytest.raises(PluginError, match=f"^{said}"):
        _cut_by(type("Odd", (Honest,), {name: value})())


def _cut_by(tokenizer: Tokenizer) -> None:
    fit_tokenizer(tokenizer, ["a b"])
    tokenise(load({"train": ["a b"], "valid": ["a b"], "test": ["a b"]}).train, tokenizer)


@pytest.mark.parametrize(
    ("detokenize", "said"),
    [
        (lambda self, tokens: None if "b" in tokens else "a", r"returned None for \['a', 'b'\], not a text"),
        (lambda self, tokens: {"a": "A"}[tokens[1]], "raised KeyError"),
    ],
)
def test_a_detokenize_that_gives_no_text_is_named(detokenize: Any, said: str) -> None:
    with pytest.raises(PluginError, match=f"^Odd's detokenize {said}"):
        as_text(type("Odd", (Honest,), {"detokenize": detokenize})(), ["a", "b"])


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("description", None, "has no description"),
        ("covers", "lines", "covers of .* must be one of .*, not 'lines'"),
        ("rule", object(), "the rule of .* must be a text, not an object"),
        *(("usual_min_count", value, "usual_min_count of .* must be a whole") for value in ("x", 0, 1.5, True)),
    ],
)
def test_attributes_of_a_tokenizer_are_checked(name: str, value: Any, said: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(Honest, name, value)
    kind = f"{Honest.__module__}:Honest"
    assert is_tokenizer(kind), "an incomplete tokenizer is one"
    with pytest.raises(PluginError, match=said):
        make_tokenizer({"kind": kind})


def test_options_that_are_not_stored_or_no_json_are_named() -> None:
    tokenizer = Honest()
    tokenizer.width = {1}  # type: ignore[assignment]
    with pytest.raises(PluginError, match="'width' of Honest is not a JSON value"):
        _ = tokenizer.spec
    del tokenizer.width
    with pytest.raises(PluginError, match=r"set self\.width = width"):
        _ = tokenizer.spec


SENTENCES = [
    "The cat (a big one) sat on the mat, didn't it?",
    'He said "no" and left; she said "yes!" twice.',
    "It's the cat's well-known mat: 1914–18, and/or 50%.",
    "The workers' rights… and “double” quotes, too.",
    "Then 'single' ones (in 'brackets').",
    "It costs $5 [or £4]... at 20°, #3.",
    "我们的猫。今天は晴れ、です",
    "Wien’s l'eau 1,000.5",
]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_words_come_out_as_they_are_written(sentence: str) -> None:
    word = make_tokenizer({"kind": "word"})
    assert word.detokenize(word.tokenize(sentence)[0]) == sentence


def test_a_sentence_end_is_a_line_end() -> None:
    word = make_tokenizer({"kind": "word"})
    assert word.detokenize(["He", "said", '"', "no", ".", "</s>", '"', "Yes", '"', "</s>"]) == 'He said "no.\n"Yes"\n'
    assert make_tokenizer({"kind": "whitespace"}).detokenize(["a", ",", "</s>", "<unk>"]) == "a ,\n<unk>"
    assert word.detokenize([]) == ""
