"""What memorisation says of models: figures worked by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from lmcompare.studies.memorisation.figures import Known, computed
from tests.analysis.tiny import tiny_run

LN2 = math.log(2)


def test_who_would_need_more_text(tmp_path: Path) -> None:
    nats = {
        "counts": (2.0, 2.0 + math.log(10)),  # the training text is ten times as well known
        "hungry": (3.0, 3.0 + LN2),  # twice
        "eager": (3.0, 3.05),
        "floor": (6.5, 6.0),
        "infinite": (None, 3.0),
    }
    measured = {name: {"memorisation": {"train_nats": a, "valid_nats": b}} for name, (a, b) in nats.items()}
    run = tiny_run(tmp_path, {name: [[0.25] * 4] for name in (*nats, "adapts")}, measured=measured)
    found = computed(run)
    assert found.figures == {
        name: {"train_nats": a, "valid_nats": b} for name, (a, b) in nats.items() if name != "infinite"
    }
    assert not found.doubts
    (advice,) = found.advice
    assert advice.about == "More text"
    assert "90\u00a0% ({counts}) and 50\u00a0% ({hungry})" in advice.said
    assert computed(run.part(["eager", "floor", "adapts"])).advice == ()


@pytest.mark.parametrize(
    ("train", "valid", "knows"),
    [
        *((6.0, 2.9, True), (1.2, 0.1, True), (6.0, 3.1, False), (6.42, 5.71, False)),
        (0.6, 0.2, False),
    ],
)
def test_a_model_knows_the_validation_text_far_better_than_its_own(train: float, valid: float, knows: bool) -> None:
    assert Known(train, valid).knows_valid is knows
