"""The rows of the leaderboard: one order for every medium."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lmcompare.analysis import Run, leaderboard, results, rows, write_results
from lmcompare.analysis.leaderboard import ORDER, Row


def test_groups_follow_one_another_and_the_best_of_each_comes_first(run: Run) -> None:
    board = rows(results(run))
    groups = [ORDER.index(row.status) for row in board]
    assert groups == sorted(groups)
    for status in ORDER[:3]:
        figures = [row.bits_per_byte for row in board if row.status == status]
        assert figures == sorted(figures, key=lambda figure: figure or 0.0)
    assert {row.name for row in board} == {model.name for model in run.models}


def test_csv_and_stored_results_have_the_same_order(run: Run, tmp_path: Path) -> None:
    board = rows(results(run))
    assert list(leaderboard(run)["name"]) == [row.name for row in board]
    write_results(run, tmp_path)
    stored = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert rows(stored) == board


def test_figures_per_token_are_given_only_for_comparable_tokens(run: Run) -> None:
    by_name = {row.name: row for row in rows(results(run))}
    other = by_name["char-transformer"]
    assert other.perplexity is not None
    assert other.figure("perplexity") is None
    assert other.figure("bits_per_byte") == other.bits_per_byte
    assert by_name["ngram"].figure("perplexity") == by_name["ngram"].perplexity


@pytest.mark.parametrize(
    ("train", "valid", "knows"),
    [
        *((6.0, 2.9, True), (1.2, 0.1, True), (6.0, 3.1, False), (6.42, 5.71, False)),
        *((0.6, 0.2, False), (None, 0.1, False), (6.0, None, False)),
    ],
)
def test_a_model_knows_the_validation_text_far_better_than_its_own(
    train: float | None, valid: float | None, knows: bool
) -> None:
    assert Row("a", "a", "ranked", sampled_train_nats=train, sampled_valid_nats=valid).knows_valid is knows
