"""The table of the models: complete, strict JSON, in one order for every medium, whole or not at all."""

from __future__ import annotations

import json
import math
import os
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lmcompare.analysis import Run, leaderboard, load_run, results, rows, write_results
from lmcompare.analysis.leaderboard import ORDER, stored_rows
from lmcompare.analysis.results import COLUMNS, as_csv
from lmcompare.errors import LmcompareError
from tests.analysis.tiny import SOUND, bits, tiny_run
from tests.run_folder import reseal

pytestmark = pytest.mark.slow

PROMISED = {
    *("name", "plugin", "traits", "seeds", "tokens_fingerprint"),
    *("perplexity", "perplexity_excluding_unknown", "perplexity_reset", "top1_accuracy", "top5_accuracy"),
    *("bits_per_byte", "bits_per_byte_low", "bits_per_byte_high", "rank_low", "rank_high"),
    *("train_seconds", "microseconds_per_token", "peak_memory_bytes"),
    *("parameters", "model_bytes", "valid_probability_model"),
}


def no_constant(text: str) -> float:
    raise AssertionError(f"{text} is not JSON")


def strict(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"), parse_constant=no_constant)


def test_what_is_promised_is_there(copied: Path) -> None:
    run = load_run(copied)
    write_results(run)
    table = strict(copied / "results.json")
    assert table["schema_version"] == 2
    assert table["experiment"] == "synthetic"
    assert table["corpus_fingerprint"] == run.corpus_fingerprint
    assert [m["name"] for m in table["models"]] == [m.name for m in run.scored]
    for model in table["models"]:
        assert set(model) >= PROMISED
        assert model["bits_per_byte_low"] < model["bits_per_byte"] < model["bits_per_byte_high"]
        assert model["valid_probability_model"] == (model["name"] != "leaky")
        assert (model["rank_low"] is None) == (model["rank_high"] is None) == (model["name"] == "leaky")
        assert model["perplexity_excluding_unknown"] <= model["perplexity"]
    assert [(f["name"], f["seed"]) for f in table["failed"]] == [("crashing", 0), ("crashing", 1)]
    assert table["interval"]["unit"] == "documents"
    assert table["interval"]["resamples"] == 10_000
    assert len(table["differences"]) == 15
    defined = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert [key for key in table if f"`{key}`" not in defined] == []


def test_the_csv_is_the_leaderboard(copied: Path) -> None:
    run = load_run(copied)
    write_results(run)
    board, stored = leaderboard(run), pd.read_csv(copied / "results.csv")
    assert tuple(stored.columns) == COLUMNS
    assert stored["name"].tolist() == board["name"].tolist()
    assert stored["bits_per_byte"].tolist() == pytest.approx(board["bits_per_byte"].tolist(), nan_ok=True)
    assert board["name"].tolist()[:2] == ["transformer", "rnn-attention"]
    assert board["name"].tolist()[-2:] == ["leaky", "crashing"]
    assert board["status"].tolist()[-2:] == ["not ranked", "failed"]
    assert board["rank_low"].tolist()[:3] == [1, 1, 3]
    assert board["rank_high"].tolist()[:3] == [2, 2, 3]
    assert board[["rank_low", "rank_high"]].isna().to_numpy()[-2:].all()
    assert "division by zero" in board["reason"].iloc[-1]


def test_no_text_of_the_csv_is_a_formula_or_commands_a_terminal() -> None:
    cells = ["=1+1", "+a", "-a", "@a", "-3.5", "a=1", "\x1b[2J"]
    table = pd.DataFrame([dict.fromkeys(COLUMNS, cell) for cell in cells]).assign(rank_low=-1)
    stored = pd.read_csv(StringIO(as_csv(table)), dtype=str, keep_default_na=False)
    for column in ("name", "tokens", "plugin", "status", "reason"):
        assert stored[column].tolist() == ["'=1+1", "'+a", "'-a", "'@a", "-3.5", "a=1", "␛[2J"]
    assert set(stored["rank_low"]) == {"-1"}


def test_costs_over_seeds(copied: Path) -> None:
    first, path = (copied / "cells" / "ngram" / seed / "cost.json" for seed in "01")
    cost = json.loads(path.read_text())
    first.write_text(json.dumps(cost | {"train_seconds": 1.2, "peak_memory_bytes": 126_000_000}))
    path.write_text(json.dumps(cost | {"train_seconds": 3.2, "peak_memory_bytes": 3 * 126_000_000}))
    before = {m["name"]: m for m in results(load_run(reseal(copied)))["models"]}["ngram"]
    assert before["train_seconds"] == pytest.approx(1.2 + 1)  # the mean
    assert before["peak_memory_bytes"] == 3 * 126_000_000  # the greatest
    path.write_text(json.dumps(cost | {"peak_memory_bytes": None, "train_seconds": None}))  # not measured there
    after = {m["name"]: m for m in results(load_run(reseal(copied)))["models"]}["ngram"]
    assert after["peak_memory_bytes"] is None
    assert after["train_seconds"] is None


def test_what_is_infinite_or_unknown_is_null(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, {"a": [[0.0, 0.5, 0.5, 0.5]]}, is_unknown=[True] * 4)
    write_results(run)
    (model,) = strict(tmp_path / "results.json")["models"]
    assert model["perplexity"] is None  # infinite
    assert model["bits_per_byte"] is None
    assert model["perplexity_excluding_unknown"] is None  # no token is left
    assert model["perplexity_spread"] is None  # one seed
    assert model["zero_probability_tokens"] == 1
    board = leaderboard(run)
    assert math.isnan(board["perplexity"][0])
    assert "probability 0" in board["reason"][0]


def test_results_are_the_callers_own(run: Run) -> None:
    results(run)["models"][0]["name"] = "changed"
    assert results(run)["models"][0]["name"] == "unigram"


def test_a_run_without_a_finished_model_has_results(copied: Path) -> None:
    for path in copied.glob("cells/*/*/cell.json"):
        path.unlink()
    run = load_run(copied)
    write_results(run)
    table = strict(copied / "results.json")
    assert table["models"] == []
    assert len(table["failed"]) == 16
    assert set(leaderboard(run)["status"]) == {"failed"}


def test_files_appear_whole_or_not_at_all(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (copied / "results.json").write_text("old")

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(LmcompareError, match=r"results\.json can't be written \(No space left"):
        write_results(load_run(copied))
    assert (copied / "results.json").read_text() == "old"
    assert not list(copied.glob(".results*"))


def test_only_ranked_models_have_ranks_in_the_table(tmp_path: Path) -> None:
    cells = {"learner": {"traits": SOUND | {"adaptive": True}}}
    run = tiny_run(tmp_path, {"fixed": bits(2, 0), "learner": bits(1, 1)}, documents=[[10]] * 40, cells=cells)
    assert [(m["group"], m["rank_low"], m["rank_high"]) for m in results(run)["models"]] == [
        ("ranked", 1, 1),
        ("adaptive", 1, 1),
    ]
    assert leaderboard(run)["rank_low"].isna().tolist() == [False, True]


def test_groups_follow_one_another_and_the_best_of_each_comes_first(run: Run) -> None:
    board = rows(run)
    groups = [ORDER.index(row.status) for row in board]
    assert groups == sorted(groups)
    for status in ORDER[:3]:
        figures = [row.bits_per_byte for row in board if row.status == status]
        assert figures == sorted(figures, key=lambda figure: figure or 0.0)
    assert {row.name for row in board} == {model.name for model in run.models}


def test_csv_and_stored_results_have_the_same_order(run: Run, tmp_path: Path) -> None:
    board = rows(run)
    assert list(leaderboard(run)["name"]) == [row.name for row in board]
    write_results(run, tmp_path)
    stored = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert stored_rows(stored) == board


def test_figures_per_token_are_given_only_for_comparable_tokens(run: Run) -> None:
    by_name = {row.name: row for row in rows(run)}
    other = by_name["char-transformer"]
    assert other.perplexity is not None
    assert other.figure("perplexity") is None
    assert other.figure("bits_per_byte") == other.bits_per_byte
    assert by_name["ngram"].figure("perplexity") == by_name["ngram"].perplexity


@pytest.mark.parametrize(("unknown", "shown"), [(12, True), (13, False)])
def test_where_most_tokens_are_unknown_there_is_no_perplexity(tmp_path: Path, unknown: int, shown: bool) -> None:
    run = tiny_run(tmp_path, {"a": [[0.5] * 40]}, documents=[[10]] * 4, is_unknown=[n < unknown for n in range(40)])
    (row,) = rows(run)
    assert row.unknown_share == unknown / 40
    assert row.figure("perplexity") == (pytest.approx(2.0) if shown else None)
    assert row.figure("perplexity_excluding_unknown") == pytest.approx(2.0)
    assert row.bits_per_byte == pytest.approx(1.0)
