"""The figures against arithmetic worked by hand, and what learning curves show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.analysis import Run, document_figures, load_run
from lmcompare.analysis.metrics import (
    Figures,
    Outlook,
    Progress,
    mean_figures,
    outlook,
    perplexity,
    ratio,
    sampled,
    seed_figures,
    split_bytes,
    spread_figures,
    sums,
    unequal_reading,
)
from lmcompare.analysis.results import results
from lmcompare.report.notes import sampled_notes
from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.run import ModelEntry
from tests.analysis.scores import token_scores
from tests.analysis.tiny import tiny_run
from tests.run_folder import reseal

probabilities = st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=40)


def figures_of(run: Run, model: ModelEntry, split: Split = "test") -> list[Figures]:
    return seed_figures(sums(run, split)[model.name], split_bytes(run, model, split))


def test_perplexity_by_hand() -> None:
    # 1/2 · 1/8 = 1/16, whose square root is 1/4: as unsure as among four
    assert perplexity(math.log(1 / 2) + math.log(1 / 8), 2) == pytest.approx(4)
    assert perplexity(0.0, 2) == 1
    assert perplexity(-math.inf, 2) == math.inf
    assert perplexity(-1e5, 1) == math.inf  # beyond what a float holds, and no warning
    assert math.isnan(perplexity(0.0, 0))


@pytest.mark.slow
@given(probabilities)
def test_perplexity_is_the_inverse_of_the_geometric_mean(p: list[float]) -> None:
    product = 1.0
    for value in p:
        product *= value ** (1 / len(p))
    assert perplexity(float(np.log(p).sum()), len(p)) == pytest.approx(1 / product, rel=1e-9)


def test_a_ratio_of_nothing_is_no_number() -> None:
    assert ratio(6.0, 12) == 0.5
    assert math.isnan(ratio(0.0, 0))


def test_figures_of_a_model_by_hand(tmp_path: Path) -> None:
    run = tiny_run(
        tmp_path,
        {"a": [[1 / 2, 1 / 4, 1 / 8, 1 / 4]]},
        n_bytes=[20],
        overhead_bits=[0, 1, 10, 1],
        is_unknown=[False, False, True, False],
        reset=[1 / 4, 1 / 4, 1 / 8, 1 / 8],
        target_rank=[1, 4, 9, 1],
    )
    model = run.model("a")
    (found,) = figures_of(run, model)
    assert found.perplexity == pytest.approx(4)  # 2^((1 + 2 + 3 + 2) / 4)
    assert found.perplexity_excluding_unknown == pytest.approx(2 ** (5 / 3))  # without the 3 bits, over three tokens
    assert found.perplexity_reset == pytest.approx(2 ** (10 / 4))
    assert found.top1_accuracy == 0.5
    assert found.top5_accuracy == 0.75
    assert found.bits_per_byte == pytest.approx((8 + 12) / 20)


@pytest.mark.slow
def test_valid_has_no_ranks_and_no_reset_scores(run: Run) -> None:
    model = run.model("ngram")
    found = figures_of(run, model, "valid")
    for figures in found:
        assert math.isnan(figures.perplexity_reset)
        assert math.isnan(figures.top1_accuracy)
        assert figures.perplexity > 1


def test_seeds_are_averaged_in_cross_entropy(tmp_path: Path) -> None:
    # perplexities 2 and 8: the mean of 1 and 3 bits is 2, so the mean perplexity is 4, not 5
    run = tiny_run(tmp_path, {"a": [[1 / 2] * 4, [1 / 8] * 4]}, n_bytes=[16])
    model = run.model("a")
    seeds = figures_of(run, model)
    mean, spread = mean_figures(seeds), spread_figures(seeds)
    assert mean.perplexity == pytest.approx(4)
    assert mean.bits_per_byte == pytest.approx((4 / 16 + 12 / 16) / 2)
    assert spread.perplexity == pytest.approx(math.sqrt(((2 - 5) ** 2 + (8 - 5) ** 2) / 1))
    assert spread.bits_per_byte == pytest.approx(0.5 / math.sqrt(2))  # two figures 0.5 apart, divisor 1
    assert math.isnan(spread_figures(seeds[:1]).perplexity)


@pytest.mark.slow
def test_documents_add_up_to_the_whole(run: Run) -> None:
    for model in run.scored:
        table = document_figures(run, model)
        seeds = figures_of(run, model)
        whole = mean_figures(seeds)
        assert table["bits"].sum() / table["bytes"].sum() == pytest.approx(whole.bits_per_byte)
        log_perplexity = (np.log(table["perplexity"]) * table["tokens"]).sum() / table["tokens"].sum()
        assert math.exp(log_perplexity) == pytest.approx(whole.perplexity)
        assert table["unknown"].sum() == token_scores(run, model).is_unknown.sum()


def test_what_is_measured_in_a_sample_has_intervals(tmp_path: Path) -> None:
    # 40 documents of 4 tokens, of which every second is in the sample; of its tokens 1, 2 or 3 are ranked first
    hits = [1 + d // 2 % 3 for d in range(40)]
    ranks = [0 if d % 2 == 0 else 1 if k < hits[d] else 5 + k for d in range(40) for k in range(4)]
    reset = [math.nan if d % 2 == 0 else 0.25 if d % 3 else 0.125 for d in range(40) for _ in range(4)]
    run = tiny_run(tmp_path, {"a": [[0.25] * 160]}, documents=[(4,)] * 40, target_rank=ranks, reset=reset)
    found = sampled(sums(run, "test")["a"])
    assert found is not None
    assert found["tokens"] == 80
    (figures,) = figures_of(run, run.scored[0])
    first = np.array(hits[1::2])
    assert figures.top1_accuracy == first.sum() / 80
    # the standard error of the ratio: Cochran (1977), eq. 6.13
    error = math.sqrt(20 / 19 * ((first - 4 * first.sum() / 80) ** 2).sum()) / 80
    low, high = found["top1_accuracy"]
    assert (low + high) / 2 == pytest.approx(first.sum() / 80)
    assert 1.8 * error < (high - low) / 2 < 2.5 * error  # Student's t with 19 degrees of freedom: 2.09
    low, high = found["perplexity_reset"]
    assert 4 < low < figures.perplexity_reset < high < 8
    assert low * high == pytest.approx(figures.perplexity_reset**2)  # symmetric in nats


def test_a_whole_test_text_is_no_sample(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, {"a": [[0.25] * 8]}, documents=[(4,), (4,)])
    assert sampled(sums(run, "test")["a"]) is None


def test_a_sample_of_few_units_has_no_interval(tmp_path: Path) -> None:
    ranks = [1, 2, 1, 7] * 2 + [0] * 8  # two documents of 4 tokens in the sample, and two that are not
    run = tiny_run(tmp_path, {"a": [[0.25] * 16]}, documents=[(4,)] * 4, target_rank=ranks)
    (row,) = results(run)["models"]
    assert row["sampled"] == {
        "tokens": 8,
        "top1_accuracy": [None, None],
        "top5_accuracy": [None, None],
        "perplexity_reset": [None, None],
    }
    (said,) = sampled_notes(results(run))
    assert "a 50" in said
    assert "8 of the 16" in said


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
