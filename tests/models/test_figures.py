"""A seed gives the same networks and the same trainings as before: figures.json has a few numbers of each form.

They change with the arithmetic of a network, with what it begins at, and with what a training does; then
``python -m tests.models.test_figures`` writes them anew, and the difference tells which forms are others now.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lmcompare.training.language_model import TorchLanguageModel
from lmcompare.training.softmax import ClassHead
from tests.models.neural_cases import CASES, build, trained
from tests.training.texts import TYPES, fitted, ragged

pytestmark = pytest.mark.slow

RECIPES: dict[str, dict[str, Any]] = {
    "muon": {"optimiser": "muon"},
    "sampled": {"candidates": 4},
    "alone": {"alone": 0.5},
    "other": {"learning_rate": 1e-2, "weight_decay": 0.5, "dropout": 0.0, "batch": 2, "length": 8, "patience": 2},
}
FILE = Path(__file__).with_name("figures.json")


def scores(model: TorchLanguageModel) -> list[float]:
    """The mean scores of two texts."""
    return [round(float(np.mean(model.log_probs(ragged(seed, (40, 7, 90))))), 5) for seed in (0, 1)]


def figures(name: str) -> list[float]:
    """Scores after a training; before them, of a form, the mean square and the last number of untrained features."""
    if name in RECIPES:
        return scores(fitted(build("plain-lstm", **RECIPES[name])))
    torch.manual_seed(0)
    network = build(name).network(TYPES).eval()
    if isinstance(network.head, ClassHead):
        network.get_buffer("rows").random_(2)
    with torch.no_grad():
        features, _ = network(torch.arange(24).view(2, 12) * 5 % 11, None)
    begun = [round(float(each), 5) for each in (features.square().mean(), features[1, -1, -1])]
    return [*begun, *scores(trained(name))]


@pytest.mark.parametrize("name", [*CASES, *RECIPES])
def test_the_figures_are_those_of_before(name: str) -> None:
    wanted = json.loads(FILE.read_text(encoding="utf-8"))
    assert set(wanted) == {*CASES, *RECIPES}
    assert figures(name) == pytest.approx(wanted[name], abs=5e-5, rel=5e-5)


if __name__ == "__main__":
    lines = [f"{json.dumps(case)}: {json.dumps(figures(case))}" for case in [*CASES, *RECIPES]]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
