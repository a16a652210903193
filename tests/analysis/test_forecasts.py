"""Figures of forecasts by hand, from what a run has stored."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy import stats

from lmcompare.analysis.forecasts import accuracies, methods
from lmcompare.runfolder.layout import QUANTILES
from lmcompare.runfolder.run import load_run
from tests.series_run import series_run


def stored(name: str) -> list[dict[str, Any]]:
    folder = series_run()
    path = folder / "forecasts" / f"{name}.json"
    if path.exists():
        found: list[dict[str, Any]] = json.loads(path.read_text())["forecasts"]
        return found
    return list(json.loads((folder / "cells" / name / "0" / "examples.json").read_text())["forecasts"])


@pytest.mark.parametrize("name", ["ngram", "drift"])
def test_errors_and_coverage_by_hand(name: str) -> None:
    found = {one.method.name: one for one in accuracies(load_run(series_run()))}[name]
    errors, scores, inside, losses, size, per_origin = [], [], [], [], 0.0, []
    for one in stored(name):
        quantiles, scale = np.array(one["quantiles"]), one["scale"]
        own = []
        for step, actual in enumerate(one["actual"]):
            if actual is None:
                continue
            errors.append(abs(quantiles[QUANTILES.index(0.5), step] - actual) / scale)
            scores.append(one["crps"][step] / scale)
            own.append(scores[-1])
            inside.append(quantiles[QUANTILES.index(0.1), step] <= actual <= quantiles[QUANTILES.index(0.9), step])
            for level in np.arange(1, 10) / 10:
                q = quantiles[[round(x, 3) for x in QUANTILES].index(round(float(level), 3)), step]
                losses.append(2 * max(level * (actual - q), (level - 1) * (actual - q)) / 9)
            size += abs(actual)
        per_origin.append((sum(own), len(own)))
    assert found.mase.value == pytest.approx(np.mean(errors))
    assert found.crps.value == pytest.approx(np.mean(scores))
    assert found.coverage[80].value == pytest.approx(np.mean(inside))
    assert found.wql == pytest.approx(sum(losses) / size)
    sums, counts = np.array(per_origin).T
    rest = sums - found.crps.value * counts
    error = np.sqrt(len(sums) / (len(sums) - 1) * (rest**2).sum()) / counts.sum()
    room = stats.t.ppf(0.975, len(sums) - 1) * error
    assert (found.crps.low, found.crps.high) == pytest.approx((found.crps.value - room, found.crps.value + room))


def test_the_best_is_first_and_all_others_are_behind() -> None:
    found = accuracies(load_run(series_run()))
    assert [one.crps.value for one in found] == sorted(one.crps.value for one in found)
    assert found[0].behind is None
    for one in found[1:]:
        assert one.behind is not None
        assert one.behind.value == pytest.approx(one.crps.value - found[0].crps.value)


def test_densities_of_models_and_methods_are_of_the_same_steps() -> None:
    run = load_run(series_run())
    for method in methods(run):
        assert method.nats is not None
        assert [len(one) for one in method.nats] == [40, 40]
        assert [int(np.isnan(one).sum()) for one in method.nats] == [0, 1]
    rows = {one.method.name: one for one in accuracies(run)}
    assert rows["ngram"].nats is not None
    row = next(
        model for model in json.loads((run.path / "results.json").read_text())["models"] if model["name"] == "ngram"
    )
    assert rows["ngram"].nats.value == pytest.approx(row["bits_per_byte"] * np.log(2), abs=1e-5)
    assert row["test_tokens"] == 79  # the past that is given and what is missing are no tokens to predict
    of_bins = (row["bits_per_byte"] - row["overhead_bits_per_byte"]) * np.log(2)
    assert row["perplexity"] == pytest.approx(np.exp(of_bins), rel=1e-4)
