"""Tests of the training settings, dropout and the choice of precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from lmcompare.errors import LmcompareError
from lmcompare.training import loop
from lmcompare.training.loop import autocast, measured
from lmcompare.training.network import dropout
from lmcompare.training.recipe import Recipe


def test_the_rate_rises_then_falls() -> None:
    recipe = Recipe(learning_rate=1.0, warmup=0.2)
    assert recipe.rate(0.1) == pytest.approx(0.5)
    assert recipe.rate(0.2) == pytest.approx(1.0)
    assert recipe.rate(0.6) == pytest.approx(0.5)
    assert recipe.rate(1.0) == 0
    assert 0 < recipe.rate(0.0) < 0.02


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"batch": 0},
        {"steps": 1.5},
        {"steps": True},
        {"patience": "3"},
        {"candidates": -1},
        {"learning_rate": 0.0},
        {"learning_rate": float("inf")},
        {"learning_rate": "fast"},
        {"learning_rate": 1e300},
        {"weight_decay": 1e20},
        {"weight_decay": -0.1},
        {"weight_decay": float("nan")},
        {"optimiser": "sgd"},
        {"precision": "float8"},
        {"alone": 1.5},
    ],
)
def test_impossible_recipes_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(LmcompareError, match=next(iter(wrong))):
        Recipe(**wrong)


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    x = torch.ones(401, 501)
    dropped = dropout(x, 0.3, training=True)
    assert (dropped == 0).float().mean() == pytest.approx(0.3, abs=0.004)
    assert dropped.mean() == pytest.approx(1.0, abs=0.006)
    assert len(np.unique(dropped)) == 2
    rows, columns = (dropped == 0).float().mean(0), (dropped == 0).float().mean(1)
    assert 0.15 < rows.min() < rows.max() < 0.45
    assert 0.15 < columns.min() < columns.max() < 0.45
    assert dropout(x, 0.3, training=False) is x
    assert dropout(x, 0.0, training=True) is x
    assert dropout(x.bfloat16(), 0.3, training=True).dtype == torch.bfloat16


def test_dropout_comes_from_the_seed() -> None:
    results = []
    for _ in range(2):
        torch.manual_seed(5)
        results.append(dropout(torch.ones(7, 3), 0.5, training=True))
    assert torch.equal(*results)


def test_bfloat16_has_to_be_faster_by_half_and_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured("cpu", 1) in ("float32", "bfloat16")
    seconds = {torch.float32: 3.0, torch.bfloat16: 2.0}
    asked: list[torch.dtype] = []

    def timed(kind: torch.dtype) -> float:
        asked.append(kind)
        return seconds[kind]

    monkeypatch.setattr(loop, "_best_time", timed)
    measured.cache_clear()
    try:
        assert measured("cpu", 1) == measured("cpu", 1) == "bfloat16"
        assert sorted(asked, key=str) == [torch.bfloat16, torch.float32]
        seconds[torch.bfloat16] = 2.01
        assert measured("cpu", 2) == "float32"
    finally:
        measured.cache_clear()  # for the tests that come after


def test_a_precision_is_used_where_it_is_asked_for() -> None:
    a = torch.ones(2, 2)
    with autocast("cpu", "bfloat16"):
        assert (a @ a).dtype == torch.bfloat16
    with autocast("cpu", "float32"):
        assert (a @ a).dtype == torch.float32


def test_a_recipe_takes_only_its_settings_from_hyperparameters() -> None:
    given = {"width": 8, "steps": 7, "batch": 3, "learning_rate": 0.5, "optimiser": "muon", "precision": "float32"}
    expected = Recipe(steps=7, batch=3, learning_rate=0.5, optimiser="muon", precision="float32")
    assert Recipe.of(given) == expected
    assert Recipe.of({"width": 8}) == Recipe()
