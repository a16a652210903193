"""Models of different tokens are compared at words, against sums worked out from the token scores."""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path
from unittest.mock import Mock, patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.analysis import Run, load_run
from lmcompare.analysis.blocks import WordBlock, word_blocks
from lmcompare.analysis.leaderboard import rows
from lmcompare.errors import LmcompareError
from lmcompare.runfolder.files import write_table
from lmcompare.studies.mixtures import mixture as module
from lmcompare.studies.mixtures.mixture import AlikeTokens, AlikeWords, alike, mixtures, wins
from lmcompare.studies.slices.words import spent, word_slices
from tests.analysis.tiny import tiny_run
from tests.run_folder import made_run_folder, reseal, write_run_folder

MODELS = ("unigram", "ngram", "transformer", "char-transformer")


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two_tokens() -> Run:
    return load_run(made_run_folder(models=MODELS, failed=(), invalid=(), seeds=(0,)))


def test_models_of_one_tokenizer_are_compared_token_by_token(tmp_path: Path) -> None:
    assert isinstance(alike(tiny_run(tmp_path, {"a": [[0.5] * 4], "b": [[0.25] * 4]})), AlikeTokens)


def test_words_and_ends_have_all_the_bits_of_a_text(two_tokens: Run) -> None:
    found = alike(two_tokens)
    assert isinstance(found, AlikeWords)
    (nats,) = found.nats("test")
    for of_model, model in zip(nats, found.models, strict=True):
        cell = model.done[0]
        overhead = two_tokens.tokens[model.tokens_fingerprint].features("test")["overhead_bits"].sum()
        charged = -cell.scores("test")["log_prob"].sum() + overhead * np.log(2)
        assert -of_model.sum() == pytest.approx(charged, rel=1e-5)


def test_bits_per_byte_alone_are_those_of_the_leaderboard(two_tokens: Run) -> None:
    table = mixtures(two_tokens)
    best = {row.name: row.bits_per_byte for row in rows(two_tokens)}
    assert set(table["figure"]) == {"bits per byte"}
    assert set(table["unit"]) == {"word"}
    assert set(table["models"]) == {*combinations(MODELS, 2), MODELS}
    for row in table.to_dict("records"):
        assert row["best_single_test"] == pytest.approx(best[row["best_single"]], rel=1e-5)


def test_a_mixture_of_words_by_brute_force(two_tokens: Run) -> None:
    models = tuple(m for m in two_tokens.scored if m.name in ("ngram", "char-transformer"))
    (on_valid,) = word_blocks(two_tokens, models, "valid", (), seeds=1)
    (on_test,) = word_blocks(two_tokens, models, "test", (), seeds=1)
    valid, test = (2.0 ** -(scores.bits + scores.gaps) for scores in (on_valid, on_test))
    row = next(r for r in mixtures(two_tokens).to_dict("records") if r["models"] == ("ngram", "char-transformer"))
    weights = np.array(row["weights"])
    for share in np.linspace(0, 1, 101):  # no other weights are better on the validation text
        assert np.log(np.array([share, 1 - share]) @ valid).mean() <= np.log(weights @ valid).mean() + 1e-3
    n_bytes = two_tokens.tokens[models[0].tokens_fingerprint].documents_of("test")["bytes"].sum()
    assert row["test"] == pytest.approx(-np.log2(weights @ test).sum() / n_bytes)
    won = (test[0] > test[1]).mean() + (test[0] == test[1]).mean() / 2
    share = wins(two_tokens).set_index(["first", "second"])["share"]
    assert share["ngram", "char-transformer"] == pytest.approx(won)


def test_slices_of_words_have_every_model_and_every_word_once(two_tokens: Run) -> None:
    words = two_tokens.tokens[two_tokens.scored[0].tokens_fingerprint].words("test")
    words = words[words["word"] != ""]
    (scores,) = word_blocks(two_tokens, two_tokens.scored, "test", ("word",))
    for name, table in word_slices(two_tokens).items():
        assert set(table["model"]) == set(MODELS)
        assert table.groupby("model")["share"].sum().max() <= 1 + 1e-9
        if name in ("word_kind", "word_train_count"):
            for m, model in enumerate(MODELS):
                mine = table[table["model"] == model]
                assert mine["words"].sum() == len(words)
                in_words = scores.bits[m][scores.features["word"] != ""].sum()
                assert (mine["words"] * mine["surprisal"]).sum() == pytest.approx(in_words)
    seen = word_slices(two_tokens)["word_train_count"]
    never = seen[(seen["model"] == "ngram") & (seen["value"] == "0")]["words"].item()
    assert never == (words["train_count"] == 0).sum()


def test_what_the_bits_are_spent_on_adds_up_to_the_leaderboard(two_tokens: Run) -> None:
    board = {row.name: row.bits_per_byte for row in rows(two_tokens)}
    for row in spent(two_tokens).to_dict("records"):
        assert row["total"] == pytest.approx(board[row["model"]], rel=1e-5)
        assert row["seen"] + row["unseen"] + row["gaps"] == pytest.approx(row["total"])
        overhead = two_tokens.tokens[two_tokens.model(row["model"]).tokens_fingerprint].features("test")
        n_bytes = two_tokens.tokens[two_tokens.scored[0].tokens_fingerprint].documents_of("test")["bytes"].sum()
        assert row["spelling"] == pytest.approx(overhead["spelling_bits"].sum() / n_bytes, rel=1e-5)


def test_figures_do_not_depend_on_the_blocks_in_which_words_are_read(
    two_tokens: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmcompare.runfolder.files.BLOCK", 19)
    fresh = load_run(two_tokens.path)
    assert len(list(word_blocks(fresh, fresh.scored, "test", ()))) > 10
    for made in (mixtures, wins, spent):
        pd.testing.assert_frame_equal(made(fresh), made(two_tokens))
    for name, table in word_slices(fresh).items():
        pd.testing.assert_frame_equal(table, word_slices(two_tokens)[name])


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.sets(st.integers(1, 11), max_size=5))
def test_words_that_share_a_figure_are_one_unit_wherever_blocks_end(joined: list[bool], cuts: set[int]) -> None:
    shared = np.array([[False, *joined[1:]]])  # the first word shares none
    bits = np.arange(1.0, len(joined) + 1)[None]
    pieces = [np.arange(a, b) for a, b in pairwise([0, *sorted(c for c in cuts if c < len(joined)), len(joined)])]
    blocks = [WordBlock({}, (bits[:, at],), bits[:, at], 0 * bits[:, at], shared[:, at]) for at in pieces]
    with patch.object(module, "word_blocks", lambda *_, **__: iter(blocks)):
        words = AlikeWords(Mock(), [Mock()])
        nats = np.concatenate(list(words.nats("test")), axis=1)
        assert nats.shape == (1, words.units("test"))
    begins = [*np.flatnonzero(~shared[0]).tolist(), len(joined)]
    by_hand = [sum(range(a + 1, b + 1)) for a, b in pairwise(begins)]
    np.testing.assert_allclose(nats[0], -np.log(2) * np.array(by_hand))


def test_a_cell_whose_words_are_others_is_refused(tmp_path: Path) -> None:
    path = write_run_folder(tmp_path / "run", models=MODELS, failed=(), invalid=(), seeds=(0,))
    place = path / "cells" / "char-transformer" / "0" / "words.parquet"
    write_table(place, pd.read_parquet(place).iloc[1:])
    with pytest.raises(LmcompareError, match="'char-transformer' again"):
        mixtures(load_run(reseal(path)))
