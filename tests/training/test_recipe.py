"""Tests of the settings of a training, of Muon, and of the optimiser that each parameter gets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lmcompare.errors import LmcompareError
from lmcompare.models.feed_forward import FeedForward
from lmcompare.models.mixture.plugin import ClassNGram
from lmcompare.models.rnn.attention import RnnAttention
from lmcompare.training.loop import autocast, faster_precision
from lmcompare.training.network import dropout
from lmcompare.training.recipe import Muon, Recipe, eager, optimisers, orthogonal
from tests.models.mixture.cases import animals, trained
from tests.training.texts import fitted


@pytest.mark.parametrize("shape", [(6, 6), (4, 20), (20, 4)])
def test_orthogonal_keeps_directions_and_equalises_their_sizes(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    left, sizes, right = torch.linalg.svd(torch.randn(*shape), full_matrices=False)
    sizes = torch.linspace(1.0, 0.1, len(sizes))
    made = orthogonal((left @ torch.diag(sizes) @ right)[None])[0]
    after = left.T @ made @ right.T  # diagonal, were it U f(S) Vᵀ
    assert (after - torch.diag(after.diagonal())).abs().max() < 1e-4
    assert 0.65 < after.diagonal().min() < after.diagonal().max() < 1.25


def test_orthogonal_in_bfloat16_is_near() -> None:
    torch.manual_seed(0)
    matrix = torch.randn(2, 8, 16)
    with autocast("cpu", "bfloat16"):
        made = orthogonal(matrix)
    assert made.dtype == torch.bfloat16
    assert (made.float() - orthogonal(matrix)).norm() < 0.05 * made.float().norm()


def test_a_step_of_muon_worked_by_hand() -> None:
    # A gradient of rank one: g = 5 u vᵀ with u = (0.6, 0.8), v = (1, 0). Its direction is u vᵀ times f, where f is
    # five times the quintic from 1. The first momentum is 0.05 g, Nesterov's 0.95 · 0.05 g + 0.05 g: the same way.
    matrix = torch.nn.Parameter(torch.eye(2))
    matrix.grad = 5 * torch.tensor([[0.6, 0.0], [0.8, 0.0]])
    f = 1.0
    for _ in range(5):
        f = 3.4445 * f - 4.7750 * f**3 + 2.0315 * f**5
    Muon([matrix], lr=0.5, weight_decay=0.2).step()
    moved = 0.5 * 0.2 * 2**0.5 * f
    expected = torch.tensor([[0.9 - 0.6 * moved, 0.0], [-0.8 * moved, 0.9]])
    torch.testing.assert_close(matrix.detach(), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_each_parameter_has_one_optimiser_and_its_decay(name: str) -> None:
    network = RnnAttention(cell="gru", width=8, hidden=8, attention=4, window=3).network(12)
    recipe = Recipe(optimiser=name, weight_decay=0.2)
    seen = {}
    for optimiser in optimisers(network, recipe, "cpu"):
        for group in optimiser.param_groups:
            for parameter in group["params"]:
                assert id(parameter) not in seen
                seen[id(parameter)] = (type(optimiser).__name__, group["weight_decay"])
    inner = "Muon" if name == "muon" else "AdamW"
    places = {key: seen[id(p)] for key, p in network.named_parameters()}
    assert places["head.table"] == ("AdamW", 0.2)
    assert places["head.bias"] == ("AdamW", 0.0)
    assert places["recurrence.weight_hh_l0"] == (inner, 0.2)
    assert places["recurrence.bias_hh_l0"] == ("AdamW", 0.0)
    assert places["attention.v"] == ("AdamW", 0.0)


@pytest.mark.parametrize("types", [12, 7])  # with 7 a table has as many rows as the matrices
def test_tables_of_vectors_and_what_is_no_matrix_have_adamw(types: int) -> None:
    network = FeedForward(style="bengio", width=8, hidden=8, context=3).network(types)
    network.register_module("more", torch.nn.Conv1d(4, 4, 3))
    network.register_module("kinds", torch.nn.Embedding(5, 8))
    network.register_module("tied", torch.nn.Linear(8, 5, bias=False))  # predicts what has these vectors
    network.get_submodule("tied").weight = network.get_submodule("kinds").weight
    *_, muon = optimisers(network, Recipe(optimiser="muon"), "cpu")
    moved = {id(parameter) for group in muon.param_groups for parameter in group["params"]}
    names = {name for name, parameter in network.named_parameters() if id(parameter) in moved}
    assert names == {"hidden.weight"}


def test_frozen_parameters_are_left_out() -> None:
    network = RnnAttention(cell="gru", width=8, hidden=8, attention=4, window=3).network(12)
    network.head.table.requires_grad_(False)
    held = [p for o in optimisers(network, Recipe(), "cpu") for g in o.param_groups for p in g["params"]]
    assert not any(p is network.head.table for p in held)


@pytest.mark.parametrize(
    ("optimiser", "options"),
    [
        (torch.optim.AdamW, {"fused": True}),
        (torch.optim.Adam, {}),
        (torch.optim.LBFGS, {"max_iter": 5, "line_search_fn": "strong_wolfe"}),
        (Muon, {"weight_decay": 0.1}),
    ],
)
def test_an_eager_optimiser_makes_the_same_steps(optimiser: Any, options: dict[str, Any]) -> None:
    found = []
    for kind in (optimiser, eager(optimiser)):
        matrix = torch.nn.Parameter(torch.arange(12.0).reshape(3, 4) / 10)
        stepping = kind([matrix], lr=0.1, **options)

        def loss(matrix: torch.Tensor = matrix, stepping: Any = stepping) -> torch.Tensor:
            stepping.zero_grad()
            value = ((matrix @ matrix.T).tanh() - torch.eye(3)).square().sum()
            torch.autograd.backward(value)
            return value

        for _ in range(3):
            stepping.step(loss) if kind.__name__ == "LBFGS" else loss() and stepping.step()
            stepping.load_state_dict(stepping.state_dict())
        found.append(matrix.detach())
    assert torch.equal(*found)


@pytest.mark.slow
def test_training_does_not_load_the_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)  # whoever imports it raises ImportError
    small: dict[str, Any] = {"width": 4, "hidden": 4, "window": 2, "batch": 2, "length": 4}
    fitted(RnnAttention(**small, steps=2, optimiser="muon"), checkpoints=tmp_path)
    trained(ClassNGram(classes=2), animals(9, seed=1), animals(3, seed=2))


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


@pytest.mark.parametrize(("vectors", "tiles"), [(False, False), (True, False), (False, True)])
def test_a_processor_that_multiplies_bfloat16_uses_it(
    vectors: bool, tiles: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: vectors)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles)
    assert faster_precision("cpu") == ("bfloat16" if vectors or tiles else "float32")
    assert faster_precision("meta") == "float32"


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
