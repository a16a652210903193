"""The page cuts a text into the pieces of every built-in tokenizer, or says that it can't."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from playwright.sync_api import Page
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from lmcompare.corpora import documents_of
from lmcompare.errors import LmcompareError
from lmcompare.tokens import Vocabulary, build_vocabulary, encode_prompt, make_tokenizer
from lmcompare.tokens.pieces import PieceTokenizer
from tests.report.typed import PIECES, strings

pytestmark = pytest.mark.slow

BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
TO_BLANK = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])


def train() -> list[str]:
    """The sentences among the texts, and every piece that they are drawn from."""
    return [*strings()[-250:], " ".join(PIECES)]


def byte_level(*first: Any) -> Any:
    """Byte pair encoding of bytes, with other steps before it."""
    level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    cutter = tokenizers.Tokenizer(models.BPE())
    cutter.pre_tokenizer = pre_tokenizers.Sequence([*first, level]) if first else level
    cutter.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=1000, initial_alphabet=alphabet, show_progress=False)
    cutter.train_from_iterator(train(), trainer)
    return cutter


def with_marks() -> Any:
    """One that finds tokens of its own in the text, of which one is the beginning of another."""
    cutter = byte_level()
    cutter.add_special_tokens(["<unk>", "</s>"])
    cutter.add_tokens([tokenizers.AddedToken(text, normalized=False) for text in ("Wien", "Wien's", "@-@", "\n\n")])
    cutter.add_tokens(["n's", " cat", "@"])  # found in what the others leave
    return cutter


def with_normal_forms() -> Any:
    cutter = byte_level()
    cutter.normalizer = normalizers.NFC()
    return cutter


def sentence_pieces(*, blank: bool = False, whole: bool = False) -> Any:
    """Byte pair encoding of characters as in Llama 2, with bytes for rare ones; ``blank``: one before every text."""
    learnt = tokenizers.Tokenizer(models.BPE())
    learnt.normalizer = normalizers.Replace(" ", "▁")
    trainer = trainers.BpeTrainer(vocab_size=900, limit_alphabet=100, show_progress=False)
    learnt.train_from_iterator((part for text in train() for part in text.split(" ")), trainer)
    model = json.loads(learnt.to_str())["model"]
    vocab = {piece: number for number, piece in enumerate(dict.fromkeys(["<unk>", *BYTES, "▁", *model["vocab"]]))}
    merges = [tuple(pair) for pair in model["merges"]]
    cutter = tokenizers.Tokenizer(
        models.BPE(vocab, merges, byte_fallback=True, unk_token="<unk>", fuse_unk=True, ignore_merges=whole)
    )
    changes = [normalizers.Prepend("▁")] * blank + [normalizers.Replace(" ", "▁")]
    cutter.normalizer = normalizers.Sequence(changes)
    cutter.decoder = TO_BLANK
    return cutter


def unigram(*, fallback: bool = True) -> Any:
    """Pieces with probabilities (Kudo 2018), with bytes for rare characters."""
    cutter = tokenizers.Tokenizer(models.Unigram())
    cutter.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    trainer = trainers.UnigramTrainer(
        vocab_size=700, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False
    )
    cutter.train_from_iterator([text for text in train() if text.isascii()], trainer)
    table = json.loads(cutter.to_str())
    if fallback:
        table["model"]["vocab"] += [[byte, -20.0 - n / 7] for n, byte in enumerate(BYTES)]
        table["model"]["byte_fallback"] = True
    cutter = tokenizers.Tokenizer.from_str(json.dumps(table))
    cutter.decoder = TO_BLANK
    return cutter


SAVED: dict[str, Callable[[], Any]] = {
    "bytes": byte_level,
    "digits": lambda: byte_level(pre_tokenizers.Digits(individual_digits=True)),
    "marks": with_marks,
    "normal-forms": with_normal_forms,
    "sentence-pieces": sentence_pieces,
    "whole-words": lambda: sentence_pieces(whole=True),
    "unigram": unigram,
    "unigram-without-bytes": lambda: unigram(fallback=False),
}
HF: dict[str, Callable[[], Any]] = {"level": byte_level, "blank": lambda: sentence_pieces(blank=True)}


def fitted(kind: str, folder: Path) -> PieceTokenizer:
    """The tokenizer of a case, fitted on a text that it can write."""
    name, _, case = kind.partition(":")
    if name == "bpe":
        tokenizer = make_tokenizer({"kind": "bpe", "pieces": 1000}).fit(train())
    elif name == "saved":
        SAVED[case]().save(str(folder / "tokenizer.json"))
        tokenizer = make_tokenizer({"kind": "saved", "path": str(folder / "tokenizer.json")}).fit(["a cat"])
    else:
        cutter = HF[case]()
        cutter.add_special_tokens(["<|end|>"])
        cutter.save(str(folder / "tokenizer.json"))
        end = cutter.token_to_id("<|end|>")
        (folder / "config.json").write_text(json.dumps({"eos_token_id": end, "vocab_size": end + 5}))
        tokenizer = make_tokenizer({"kind": "hf", "path": str(folder)}).fit(["a cat"])
    assert isinstance(tokenizer, PieceTokenizer)
    return tokenizer


def ids_or_none(text: str, tokenizer: PieceTokenizer, vocabulary: Vocabulary) -> list[int] | None:
    """The ids of a text; None if the tokenizer refuses it."""
    try:
        return [int(index) for index in encode_prompt(text, tokenizer, vocabulary)]
    except LmcompareError:
        return None


def see_that_it_is_cut_alike(engine: Page, kind: str, folder: Path, texts: list[str]) -> None:
    tokenizer = fitted(kind, folder)
    vocabulary = build_vocabulary(documents_of(["a cat"]), tokenizer)
    wanted = [ids_or_none(text, tokenizer, vocabulary) for text in texts]
    table = tokenizer.pieces_in_page(vocabulary)
    found = engine.evaluate(
        """([how, words, end, unknown, texts]) => {
            const cutter = new Cutter(how, words, end, unknown);
            return texts.map((text) => {
                try { return cutter.cut(text).map((token) => token.id); } catch { return null; }
            });
        }""",
        [{**tokenizer.in_page(), "table": table}, list(vocabulary.tokens), vocabulary.end, vocabulary.unknown, texts],
    )
    wrong = [(text[:40], a, b) for text, a, b in zip(texts, wanted, found, strict=True) if a != b]
    assert not wrong, (len(wrong), wrong[:3])
    written = {tuple(ids) for ids in wanted if ids is not None}
    assert len(written) > (0.9 if kind == "bpe" else 0.2) * len(texts)


@pytest.mark.parametrize("kind", ["bpe", "saved:marks", "saved:sentence-pieces", "saved:unigram", "hf:blank"])
def test_a_text_is_cut_into_the_ids_of_python(engine: Page, kind: str, tmp_path: Path) -> None:
    see_that_it_is_cut_alike(engine, kind, tmp_path, [text for text in strings(200) if len(text) < 1000])


def test_a_tokenizer_that_the_page_can_not_repeat_is_named(tmp_path: Path) -> None:
    """Its expression is in a syntax that JavaScript does not have."""
    expression = tokenizers.Regex(r"\p{L}++|\P{L}++")
    byte_level(pre_tokenizers.Split(expression, "isolated")).save(str(tmp_path / "tokenizer.json"))
    tokenizer = make_tokenizer({"kind": "saved", "path": str(tmp_path / "tokenizer.json")}).fit(["a cat"])
    with pytest.raises(LmcompareError, match="Split"):
        tokenizer.in_page()
