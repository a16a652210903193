"""Byte pair encoding, and tokenizers that were saved by others."""

from __future__ import annotations

import _thread
import json
import threading
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import decoders, models, normalizers, pre_tokenizers

from lmcompare.corpora import documents_of
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.harness.experiment import parse_tokens
from lmcompare.tokens import (
    Tokenizer,
    build_vocabulary,
    make_tokenizer,
    pieces,
    rebuilt,
    table_of,
    tokenise,
    tokens_fingerprint,
)
from lmcompare.tokens.pieces import _distinct_names, _interruptible, _without_long_words

TEXTS = [
    "The cat sat on the mat. The dog sat on the cat!\nThen the cat ran; it's gone.\n",
    "Café au lait costs 2 €. 我们的猫 👩\u200d👩\u200d👧\r\n\tThe cat the cat.\n",
]


def bpe(number: int = 300) -> Tokenizer:
    return make_tokenizer({"kind": "bpe", "pieces": number}).fit(TEXTS)


def test_merges_by_hand() -> None:
    # " low" occurs three times and " lower" twice: whichever of its three pairs, each counted five times, is merged
    # first, three merges make " low" one piece, and "er", counted twice, is not merged yet.
    tokenizer = make_tokenizer({"kind": "bpe", "pieces": 256 + 3}).fit(["x low low low lower lower"])
    assert tokenizer.tokenize("x low lower")[0] == ["x", " low", " low", "e", "r"]


def test_tokens_have_their_text_as_name_and_every_byte_once() -> None:
    tokenizer = bpe()
    tokens, offsets = tokenizer.tokenize(TEXTS[0])
    data = TEXTS[0].encode()
    assert [data[start:end] for start, end in offsets] == [tokenizer.token_bytes(token) for token in tokens]
    assert "".join(tokens) == TEXTS[0]
    assert " the" in tokens
    assert len(tokens) < len(TEXTS[0]) / 1.5
    broken, _ = tokenizer.tokenize("ü")
    assert broken == ["<0xC3>", "<0xBC>"]
    names = ("a", "<0x61>", "<0x61>′", "<unused 3>", "<0xFF>", "<0x3C><0x75><0x6E><0x6B><0x3E>")
    assert _distinct_names([b"a", b"a", b"a", None, b"\xff", b"<unk>"]) == names


@given(st.text(max_size=60))
def test_decoding_gives_back_every_byte(text: str) -> None:
    tokenizer = bpe()
    tokens, offsets = tokenizer.tokenize(text)
    assert b"".join(map(tokenizer.token_bytes, tokens)) == text.encode()
    assert all(start == end for start, end in zip(offsets[1:, 0], offsets[:-1, 1], strict=True))
    assert tokenizer.detokenize(tokens) == text
    assert set(tokens) <= set(tokenizer.always_tokens)


def test_no_token_is_unknown_and_the_vocabulary_has_the_pieces() -> None:
    tokenizer = bpe(280)
    vocabulary = build_vocabulary(documents_of(TEXTS), tokenizer)
    assert len(vocabulary) == 280 + 2
    cut = tokenise(documents_of(["<unk> </s> \x00 ß <0xC3>"]), tokenizer)
    assert vocabulary.unknown not in vocabulary.ids(cut.types[1:])
    assert rebuilt(cut, tokenizer) == "<unk> </s> \x00 ß <0xC3>".encode()


def test_what_was_learnt_is_restored() -> None:
    fitted = bpe()
    restored = make_tokenizer({"kind": "bpe", "pieces": 300}, fitted.state())
    assert restored.tokenize(TEXTS[1])[0] == fitted.tokenize(TEXTS[1])[0]
    assert restored.always_tokens == fitted.always_tokens
    with pytest.raises(PluginError, match="has learnt nothing yet"):
        make_tokenizer({"kind": "bpe"}).tokenize("a")


def saved(path: Path, cutter: Any) -> Tokenizer:
    cutter.save(str(path))
    return make_tokenizer(table_of(str(path)))


def byte_level(path: Path, **parts: Any) -> Any:
    cutter = tokenizers.Tokenizer.from_str(bpe().state().values["tokenizer"])
    for name, part in parts.items():
        setattr(cutter, name, part)
    return cutter


def test_a_saved_tokenizer_cuts_as_it_did(tmp_path: Path) -> None:
    tokenizer = saved(tmp_path / "tokenizer.json", byte_level(tmp_path)).fit(TEXTS)
    assert tokenizer.tokenize(TEXTS[1])[0] == bpe().tokenize(TEXTS[1])[0]
    (tmp_path / "other").mkdir()
    moved = saved(tmp_path / "other" / "tokenizer.json", byte_level(tmp_path)).fit(TEXTS)
    vocabulary = build_vocabulary(documents_of(TEXTS), tokenizer)
    assert tokens_fingerprint("c", tokenizer, vocabulary) == tokens_fingerprint("c", moved, vocabulary)


def test_pieces_are_not_drawn_at_random(tmp_path: Path) -> None:
    table = json.loads(byte_level(tmp_path).to_str())
    table["model"]["dropout"] = 0.5
    (tmp_path / "t.json").write_text(json.dumps(table))
    tokenizer = make_tokenizer(table_of(str(tmp_path / "t.json"))).fit(TEXTS)
    assert tokenizer.tokenize(TEXTS[0])[0] == bpe().tokenize(TEXTS[0])[0]


def test_a_tokenizer_with_pieces_of_sentencepiece(tmp_path: Path) -> None:
    names = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "a", "b", "▁a", "ab"]
    numbers = {name: n for n, name in enumerate(names)}
    model = models.BPE(numbers, [("▁", "a"), ("a", "b")], byte_fallback=True, unk_token="<unk>")
    cutter = tokenizers.Tokenizer(model)
    cutter.normalizer = normalizers.Replace(" ", "▁")
    cutter.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer = saved(tmp_path / "t.json", cutter).fit(["ab a\n"])
    tokens, offsets = tokenizer.tokenize("ab aé")
    assert tokens == ["ab", " a", "<0xC3>", "<0xA9>"]
    assert offsets.tolist() == [[0, 2], [2, 4], [4, 5], [5, 6]]


@pytest.mark.parametrize(
    "parts",
    [
        {"normalizer": normalizers.Lowercase()},
        {"normalizer": normalizers.NFC()},
        {"normalizer": normalizers.Strip()},
        {"pre_tokenizer": pre_tokenizers.ByteLevel(add_prefix_space=True)},
        {"pre_tokenizer": pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(False)])},
    ],
)
def test_a_tokenizer_that_changes_the_text_is_refused(parts: dict[str, Any], tmp_path: Path) -> None:
    tokenizer = saved(tmp_path / "tokenizer.json", byte_level(tmp_path, **parts))
    with pytest.raises(LmcompareError, match=r"tokenizer\.json changes the text or leaves some of it out"):
        tokenizer.fit([*TEXTS, " e\u0301 "])


@pytest.mark.parametrize("content", ["{}", "no json", None])
def test_broken_files_are_refused(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "t.json").write_text(content)
    with pytest.raises(LmcompareError, match=r"t\.json (is not a tokenizer|cannot be read)"):
        make_tokenizer(table_of(str(tmp_path / "t.json"))).fit(TEXTS)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        *(({"kind": "bpe", "pieces": pieces}, "256") for pieces in (255, -1, "many", 1.5, 10**6 + 1)),
        *(({"kind": "saved", "path": path}, "no file is named") for path in ("", "\0", 5, True, ["a"], None)),
    ],
)
def test_options_that_cannot_be_are_refused(table: dict[str, Any], said: str) -> None:
    with pytest.raises(LmcompareError, match=said):
        make_tokenizer(table)


def test_names_in_short() -> None:
    assert table_of("bpe:4000") == {"kind": "bpe", "pieces": 4000}
    assert table_of("saved:2024") == {"kind": "saved", "path": "2024"}  # the name of a file
    assert table_of("dir/tokenizer.json") == {"kind": "saved", "path": "dir/tokenizer.json"}
    assert table_of("./own.py:Class") == {"kind": "./own.py:Class"}
    assert table_of("word") == {"kind": "word"}
    for wrong, said in (
        ("BPE:300", "did you mean 'bpe'"),
        ("bpe:", "no value after the colon"),
        ("saved", "no file"),
    ):
        with pytest.raises(LmcompareError, match=said):
            make_tokenizer(table_of(wrong))
    with pytest.raises(LmcompareError, match="word tokenizer has no options"):
        table_of("word:5")
    assert parse_tokens({"kind": "bpe:500"}, "here").tokenizer == {"kind": "bpe", "pieces": 500}
    assert json.loads(parse_tokens({"kind": "bpe:500"}, "here").model_dump_json())["min_count"] == 1


def test_the_number_of_pieces_is_said() -> None:
    assert bpe(300).notes == ("Byte pair encoding has 300 pieces.",)
    (few,) = make_tokenizer({"kind": "bpe", "pieces": 4000}).fit(["ab ab"]).notes
    assert "pieces, not 4,000" in few


def test_long_words_are_learnt_from_in_parts_and_other_texts_as_before() -> None:
    long = "ab " + "x" * 9000 + " " * 4500 + "1" * 4000 + "y"
    parts = [*_without_long_words(long)]
    assert [len(part) for part in parts] == [3 + 4000, 4000, 1000 + 4000, 500 + 4001]
    assert "".join(parts) == long
    for text in (*TEXTS, "猫," * 5000, "a" * 4000 + " b"):
        assert [*_without_long_words(text)] == [text]
    with patch.object(pieces, "_without_long_words", wraps=_without_long_words) as cut:
        bpe = make_tokenizer({"kind": "bpe", "pieces": 270}).fit(["x" * 30_000])
    cut.assert_called_once_with("x" * 30_000)
    assert max(map(len, bpe.tokenize("x" * 30_000)[0])) > 100


def test_learning_ends_at_ctrl_c_and_raises_what_goes_wrong() -> None:
    ended, learnt = threading.Event(), []

    def learn() -> None:
        _thread.interrupt_main()
        learnt.append(ended.wait(20))

    with pytest.raises(KeyboardInterrupt):
        _interruptible(learn)
    assert learnt == []  # it was not waited for
    ended.set()
    with pytest.raises(ZeroDivisionError):
        _interruptible(lambda: 1 / 0)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"type": "WordLevel", "vocab": {"a": 0, "b": 10**8}, "unk_token": "a"}, "100,000,000"),
        ({"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "[UNK]"}, "no piece for unknown characters"),
    ],
)
def test_a_file_with_a_gap_or_without_its_unknown_piece(tmp_path: Path, model: dict[str, Any], said: str) -> None:
    table = dict.fromkeys(("normalizer", "post_processor", "decoder"))
    path = tmp_path / "tokenizer.json"
    parts = {"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "Whitespace"}, "model": model}
    path.write_text(json.dumps({**table, **parts}), encoding="utf-8")
    with pytest.raises(LmcompareError, match=said):
        make_tokenizer({"kind": "saved", "path": str(path)}).fit(["b c"])


def test_a_regular_expression_that_gives_up_is_one_sentence(tmp_path: Path) -> None:
    endless = pre_tokenizers.Split(tokenizers.Regex("(a|aa)+$"), "isolated")
    tokenizer = saved(tmp_path / "tokenizer.json", byte_level(tmp_path, pre_tokenizer=endless))
    with pytest.raises(LmcompareError, match="can't cut the text"):
        tokenizer.fit(["a" * 60 + "b"])
