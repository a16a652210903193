"""What more training or text would change: small curves whose figures are worked by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lmcompare.analysis import Run, load_run
from lmcompare.analysis.metrics import Outlook, Progress, outlook, unequal_reading
from tests.analysis.tiny import tiny_run
from tests.run_folder import reseal

LN2 = math.log(2)


def curve(valid: Sequence[float | None], tokens: bool = True, each: int = 10) -> pd.DataFrame:
    steps = [each * (i + 1) for i in range(len(valid))]
    table = {"step": steps, "seconds": steps, "tokens": steps if tokens else [None] * len(steps)}
    return pd.DataFrame(table | {"train_loss": None, "valid_loss": valid}).astype(float)


def test_a_curve_worked_by_hand() -> None:
    # the last tenth of 100 begins at 90, where the loss was 4
    assert Progress.of(curve([5, 5, 5, 5, 5, 5, 5, 5, 4, 3])) == Progress(fall=1.0, rise=1.0)
    # measured between: that of 50 begins at 45, midway between 2.5 and 2.8
    between = Progress.of(curve([5, 4, 3, 2.5, 2.8], tokens=False))
    assert between is not None
    assert between.fall == pytest.approx(-0.15)
    assert between.rise == pytest.approx(2.8 / 2.5)


@pytest.mark.parametrize(
    "valid", [[], [4], [None] * 19 + [5, 4], [None] * 4, [4, 3, math.inf], [1, 0, 0], [4, 2, -1, 3]]
)
def test_what_was_not_measured_says_nothing(valid: list[float | None]) -> None:
    assert Progress.of(curve(valid)) is None


def run_with(
    path: Path,
    curves: dict[str, pd.DataFrame | None],
    **columns: Any,
) -> Run:
    tiny_run(path, {name: [[0.25] * 4] for name in curves}, **columns)
    for name, table in curves.items():
        if table is not None:
            table.to_csv(path / "cells" / name / "0" / "curve.csv", index=False)
    return load_run(reseal(path))


def test_what_would_help_each_model(tmp_path: Path) -> None:
    curves = {
        "counts": None,
        "hungry": curve([*[5] * 8, 3 + LN2, 3]),  # perplexity fell by a half
        "eager": curve([*[5] * 8, 3 - math.log(0.75), 3]),  # by a quarter
        "over": curve([5, 3, 3.2, 3.5]),
        "done": curve([5, 4, 3, 2.99]),
        "floor": None,
    }
    run = run_with(tmp_path / "run", curves, seen_3=[True, False, False, False])
    found = outlook(run, list(curves))
    assert found.falling == pytest.approx({"hungry": LN2, "eager": -math.log(0.75)})
    assert found.risen == ("over",)
    assert outlook(run, ["done", "floor"]) == outlook(run, []) == Outlook({}, ())


def test_models_that_read_different_amounts(tmp_path: Path) -> None:
    curves = {
        "counts": None,
        "much": curve([4, 4], each=1_020_000),
        "little": curve([4, 4], each=500_000),
        "as little": curve([4, 4], each=510_000),
    }
    run = run_with(tmp_path / "run", curves)
    assert unequal_reading(run, ["little", "counts", "much"]) == {"much": 2_040_000, "little": 1_000_000}
    assert unequal_reading(run, ["little", "as little"]) == unequal_reading(run, ["much", "counts"]) == {}
