"""What more training or text would change: said of small curves whose figures are worked by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from lmcompare.analysis import Run, load_run
from lmcompare.analysis.outlook import Progress, outlook
from tests.analysis.tiny import tiny_run

LN2 = math.log(2)


def curve(valid: Sequence[float | None], train: Sequence[float | None], tokens: bool = True) -> pd.DataFrame:
    steps = [10 * (i + 1) for i in range(len(valid))]
    table = {"step": steps, "seconds": steps, "tokens": steps if tokens else [None] * len(steps)}
    return pd.DataFrame(table | {"train_loss": train, "valid_loss": valid}).astype(float)


def test_a_curve_worked_by_hand() -> None:
    # half of 40 is 20, where the loss was 4; the last tenth of training holds the last row alone
    found = Progress.of(curve([5, 4, 3.5, 3], [5, 4, 3.4, 2.5]))
    assert found == Progress(fall=1.0, rise=1.0, gap=0.5)
    # measured between: half of 50 is 25, midway between 4 and 3
    between = Progress.of(curve([5, 4, 3, 2.5, 2.8], [None] * 5, tokens=False))
    assert between is not None
    assert between.fall == pytest.approx(0.7)
    assert between.rise == pytest.approx(2.8 / 2.5)
    assert math.isnan(between.gap)


@pytest.mark.parametrize("valid", [[], [4], [None, None, 5, 4], [None] * 4, [4, 3, math.inf]])
def test_what_was_not_measured_says_nothing(valid: list[float | None]) -> None:
    assert Progress.of(curve(valid, [1.0] * len(valid))) is None


def run_with(path: Path, curves: dict[str, pd.DataFrame | None], **columns: Sequence[bool]) -> Run:
    tiny_run(path, {name: [[0.25] * 4] for name in curves}, **columns)
    for name, table in curves.items():
        if table is not None:
            table.to_csv(path / "cells" / name / "0" / "curve.csv", index=False)
    return load_run(path)


def test_each_model_is_told_what_would_help_it(tmp_path: Path) -> None:
    curves = {
        "counts": None,
        "hungry": curve([5, 3 + LN2, 3.2, 3], [5, 4, 3, 3]),  # perplexity fell by a half
        "eager": curve([5, 3 - math.log(0.75), 3.1, 3], [5, 4, 3, 2.95]),  # by a quarter; train is 0.05 nats better
        "heart": curve([5, 3.5, 3.2, 3], [5, 4, 3, 3 - LN2]),  # train is twice as well known
        "over": curve([5, 3, 3.2, 3.5], [5, 4, 3, 2]),
        "done": curve([5, 3, 3, 2.99], [5, 4, 3, 3]),
        "floor": None,
    }
    run = run_with(tmp_path / "run", curves, seen_3=[True, False, False, False])
    assert outlook(run, list(curves)) == [
        "More training would probably help hungry and eager: in the second half of it their perplexity on valid still"
        " fell by 50 % and 25 %.",
        "More text would rather help heart (it knows train 50 % better than valid) and counts (fitted in one go; 75 %"
        " of the test tokens end three that train never has in a row).",
        "over got worse on valid before the end: fewer steps would do, or more text.",
    ]
    assert outlook(run, ["done"]) == []
    assert outlook(run, ["hungry"]) == [
        "More training would probably help hungry: in the second half of it its perplexity on valid still"
        " fell by 50 %."
    ]
    assert outlook(run, ["heart"]) == ["More text would rather help heart (it knows train 50 % better than valid)."]
    assert outlook(run, []) == []
