"""The text is cut into tokens once: another run with the same settings finds what is stored."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from pathlib import Path
from unittest.mock import Mock, patch

import numpy as np
import pandas as pd
import pytest

from lmcompare import __version__
from lmcompare.corpora import load
from lmcompare.errors import PluginError
from lmcompare.harness.tables import TokensTable
from lmcompare.harness.text import reading as module
from lmcompare.harness.text.reading import prepare
from lmcompare.measure import word_bits as measured_words
from lmcompare.runfolder.layout import HELD_OUT, SCHEMA_VERSION, SPLITS
from lmcompare.tokens import CODE_VERSION, make_tokenizer, tokenizer_code
from lmcompare.tokens.word import WordTokenizer

WORD = TokensTable.model_validate({"kind": "word"})
TEXTS = {"train": ["a b c\nb a b a\n"] * 9, "valid": ["a b\n"], "test": ["b c a\n"]}


def refuses(*_: object) -> None:
    raise AssertionError("the text is cut again")


@pytest.mark.parametrize("kind", ["word", "bpe"])
def test_the_same_settings_find_the_stored_tokens(tmp_path: Path, kind: str) -> None:
    corpus = load(TEXTS)
    table = TokensTable.model_validate({"kind": kind} | ({"pieces": 258} if kind == "bpe" else {}))
    made = prepare(corpus, table, tmp_path)
    with patch.object(module, "tokenise", refuses):
        found = prepare(load(TEXTS), table, tmp_path)
    assert found.path == made.path
    for split in ("train", "valid", "test"):
        np.testing.assert_array_equal(found.split(split).ids, made.split(split).ids)
    smaller = table.model_copy(update={"size": 4} if kind == "word" else {"min_count": 2})
    with patch.object(module, "tokenise", refuses), pytest.raises(AssertionError, match="cut again"):
        prepare(corpus, smaller, tmp_path)


def test_what_is_known_of_documents_is_read_anew_and_a_season_is_no_series(tmp_path: Path) -> None:
    texts = [f"the team won game {n} ." for n in range(30)]
    for season in ("2019", "2020"):
        corpus = load([{"text": text, "season": season} for text in texts])
        made = prepare(corpus, WORD, tmp_path)
        documents = made.documents_of("test")
        assert {json.loads(row)["season"] for row in documents["metadata"]} == {season}
        assert documents["bytes"].tolist() == [len(document.text.encode()) for document in corpus.test]
    assert len(list(tmp_path.iterdir())) == 1  # the tokens are the same


def test_what_is_known_of_documents_is_read_anew_under_a_tokenizer_of_a_file(tmp_path: Path) -> None:
    pieces = prepare(load(TEXTS), TokensTable.model_validate({"kind": "bpe", "pieces": 258}), tmp_path / "made")
    saved = tmp_path / "tokenizer.json"
    saved.write_text(str(pieces.tokenizer.state().values["tokenizer"]), encoding="utf-8")
    table = TokensTable.model_validate({"kind": "saved", "path": str(saved)})
    for genre in ("news", "letters"):
        corpus = load([{"text": f"the team won game {n} .", "genre": genre} for n in range(30)])
        documents = prepare(corpus, table, tmp_path / "run").documents_of("test")
        assert {json.loads(row)["genre"] for row in documents["metadata"]} == {genre}
    assert len(list((tmp_path / "run").iterdir())) == 1  # the tokens are the same


def test_the_digest_of_a_request_is_that_of_one_text_and_takes_little_memory() -> None:
    long = "é" * 50_000
    corpus, table = load([{"text": f"a b {n}", "note": long, "a": "b"} for n in range(100)]), WORD
    tokenizer = make_tokenizer(table.tokenizer)
    about = [dict(document.metadata) for split in SPLITS for document in corpus.split(split)]
    versions = [CODE_VERSION, SCHEMA_VERSION, __version__]
    asked = [tokenizer.spec, tokenizer.rule, tokenizer_code(tokenizer), table.min_count, table.size]
    whole = json.dumps([corpus.fingerprint, about, versions, asked], sort_keys=True)
    tracemalloc.start()
    found = module._request(corpus, tokenizer, table)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == hashlib.sha256(whole.encode()).hexdigest()[:16]
    assert most < len(whole) / 10


def test_damaged_tokens_are_made_anew_and_mapped_into_memory(tmp_path: Path) -> None:
    made = prepare(load(TEXTS), WORD, tmp_path)
    (made.path / "train.ids.npy").write_bytes(b"broken")
    shown = Mock()
    ids = prepare(load(TEXTS), WORD, tmp_path, shown).train.ids
    assert "damaged" in shown.say.call_args.args[0]
    assert len(ids) == 9 * 9
    assert isinstance(ids.base, np.memmap)
    assert not ids.flags.writeable


@pytest.mark.slow
def test_tables_of_a_long_text_are_made_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus, table = load("lee"), WORD
    whole = prepare(corpus, table, tmp_path / "whole")
    monkeypatch.setattr(module, "PART_TOKENS", 500)
    monkeypatch.setattr(measured_words, "PART_BYTES", 3000)
    parts = prepare(corpus, table, tmp_path / "parts")
    for split in HELD_OUT:
        assert whole.split(split).n_documents > 1
        pd.testing.assert_frame_equal(parts.features(split), whole.features(split))
        pd.testing.assert_frame_equal(parts.words(split), whole.words(split))
        surface, expected = (pd.concat(each.surface(split), ignore_index=True) for each in (parts, whole))
        pd.testing.assert_frame_equal(surface, expected)


def test_a_token_without_text_is_found_before_any_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WordTokenizer, "detokenize", lambda self, tokens: None if "c" in tokens else "a")
    with pytest.raises(PluginError, match="WordTokenizer's detokenize returned None"):
        prepare(load(TEXTS), WORD, tmp_path)


def test_no_bar_is_left_when_cutting_ends_early(tmp_path: Path) -> None:
    shown = Mock()

    def fails(*_: object) -> None:
        raise KeyboardInterrupt

    with patch.object(module, "tokenise", fails), pytest.raises(KeyboardInterrupt):
        prepare(load(TEXTS), WORD, tmp_path, shown)
    assert shown.share.call_args.args[1] == 1.0


def test_what_comes_after_cutting_is_shown_step_by_step(tmp_path: Path) -> None:
    shown = Mock()
    prepare(load(TEXTS), WORD, tmp_path, shown)
    told = [call.args for call in shown.share.call_args_list]
    measuring = [done for what, done in told if what.startswith("Measuring")]
    # the code, three splits, and four tables of two splits
    np.testing.assert_allclose(measuring, [*(n / 12 for n in range(13)), 1.0])
