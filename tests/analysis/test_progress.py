"""What more training or text would change: said of small curves whose figures are worked by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from lmcompare.analysis import Run, load_run
from lmcompare.analysis.progress import Progress, gained_on_train, outlook, trained_unlike
from tests.analysis.tiny import tiny_run
from tests.run_folder import reseal

LN2 = math.log(2)


def curve(valid: Sequence[float | None], tokens: bool = True, each: int = 10) -> pd.DataFrame:
    steps = [each * (i + 1) for i in range(len(valid))]
    table = {"step": steps, "seconds": steps, "tokens": steps if tokens else [None] * len(steps)}
    return pd.DataFrame(table | {"train_loss": None, "valid_loss": valid}).astype(float)


def test_a_curve_worked_by_hand() -> None:
    # half of 40 is 20, where the loss was 4
    assert Progress.of(curve([5, 4, 3.5, 3])) == Progress(fall=1.0, rise=1.0)
    # measured between: half of 50 is 25, midway between 4 and 3
    between = Progress.of(curve([5, 4, 3, 2.5, 2.8], tokens=False))
    assert between is not None
    assert between.fall == pytest.approx(0.7)
    assert between.rise == pytest.approx(2.8 / 2.5)


@pytest.mark.parametrize(
    "valid", [[], [4], [None, None, 5, 4], [None] * 4, [4, 3, math.inf], [1, 0, 0], [4, 2, -1, 3]]
)
def test_what_was_not_measured_says_nothing(valid: list[float | None]) -> None:
    assert Progress.of(curve(valid)) is None


def known(train: float, valid: float) -> dict[str, float]:
    return {"train_nats": train, "valid_nats": valid}


def run_with(
    path: Path,
    curves: dict[str, pd.DataFrame | None],
    heart: dict[str, dict[str, float]] | None = None,
    **columns: Sequence[bool],
) -> Run:
    cells = {name: {"memorisation": table} for name, table in (heart or {}).items()}
    tiny_run(path, {name: [[0.25] * 4] for name in curves}, cells=cells, **columns)
    for name, table in curves.items():
        if table is not None:
            table.to_csv(path / "cells" / name / "0" / "curve.csv", index=False)
    return load_run(reseal(path))


def test_each_model_is_told_what_would_help_it(tmp_path: Path) -> None:
    curves = {
        "counts": None,
        "hungry": curve([5, 3 + LN2, 3.2, 3]),  # perplexity fell by a half
        "eager": curve([5, 3 - math.log(0.75), 3.1, 3]),  # by a quarter
        "over": curve([5, 3, 3.2, 3.5]),
        "done": curve([5, 3, 3, 2.99]),
        "floor": None,
    }
    heart = {
        "counts": known(2.0, 2.0 + math.log(10)),  # train is ten times as well known
        "hungry": known(3.0, 3.0 + LN2),  # twice
        "eager": known(3.0, 3.05),
        "floor": known(6.5, 6.0),
    }
    run = run_with(tmp_path / "run", curves, heart, seen_3=[True, False, False, False])
    assert outlook(run, list(curves)) == [
        "More training would probably help: in the second half of it perplexity on valid still fell by 50 % (hungry)"
        " and 25 % (eager).",
        "More text would probably help those most that know train by heart: without unknown words, perplexity is"
        " lower there than on valid by 90 % (counts) and 50 % (hungry); 75 % of the test tokens complete three in a"
        " row that train never has.",
        "over got worse on valid before the end: fewer steps would do, or more text.",
    ]
    assert outlook(run, ["done", "floor"]) == outlook(run, []) == []
    assert gained_on_train(run.model("hungry")) == pytest.approx(LN2)
    assert gained_on_train(run.model("done")) is None


def test_of_many_models_the_ends_are_told(tmp_path: Path) -> None:
    curves = {f"m{k}": curve([5, 3 - math.log(1 - k / 10), 3, 3]) for k in range(1, 8)}
    (said,) = outlook(run_with(tmp_path / "run", curves), list(curves))
    assert said.endswith("perplexity on valid still fell by 10 % to 70 % (7 models, most under m7).")


def test_models_that_read_unequally_much_are_told_apart(tmp_path: Path) -> None:
    curves = {
        "counts": None,
        "much": curve([4, 4], each=1_020_000),
        "little": curve([4, 4], each=500_000),
        "as little": curve([4, 4], each=510_000),
        "least": curve([4, 4], each=400),
    }
    run = run_with(tmp_path / "run", curves)
    assert trained_unlike(run, ["much", "counts", "little"]) == [
        "Not all read equally much of train: much 2.04 million tokens, little 1 million, those read again included"
        " (--match tokens=N makes them equal)."
    ]
    assert trained_unlike(run, ["least", "much"])[0].startswith(
        "Not all read equally much of train: much 2.04 million tokens, least 800, those"
    )
    assert trained_unlike(run, ["little", "as little"]) == trained_unlike(run, ["much", "counts"]) == []
