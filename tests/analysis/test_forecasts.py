"""Figures of forecasts by hand, from what a run has stored."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from lmcompare.analysis.forecasts import accuracies, methods, shared_places
from lmcompare.report.write import write_reports
from lmcompare.runfolder.layout import QUANTILES
from lmcompare.runfolder.run import load_run
from tests.measured import measured
from tests.series_run import series_run

pytestmark = pytest.mark.slow


def stored(name: str) -> list[dict[str, Any]]:
    folder = series_run()
    path = folder / "forecasts" / f"{name}.json"
    if path.exists():
        found: list[dict[str, Any]] = json.loads(path.read_text())["forecasts"]
        return found
    return list(measured(folder / "cells" / name / "0", "forecasts"))


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


def changed(place: Path, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Path:
    """Copy the run with other forecasts of the drift method."""
    folder = shutil.copytree(series_run(), place / "run")
    path = folder / "forecasts" / "drift.json"
    table = json.loads(path.read_text())
    path.write_text(json.dumps({**table, "forecasts": change(table["forecasts"])}))
    return folder


def test_forecasts_of_another_horizon_are_not_compared(tmp_path: Path) -> None:
    def shorter(forecasts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            {**one, "quantiles": [row[:-1] for row in one["quantiles"]]}
            | {k: one[k][:-1] for k in ("actual", "crps")}
            for one in forecasts
        ]

    folder = changed(tmp_path, shorter)
    assert accuracies(load_run(folder)) == []
    write_reports(folder)
    assert "no forecasts of these series in common" in (folder / "report.md").read_text(encoding="utf-8")


def test_the_origins_are_those_that_all_methods_have(tmp_path: Path) -> None:
    folder = changed(tmp_path, lambda forecasts: forecasts[:3])
    run = load_run(folder)
    places = shared_places([one.method for one in accuracies(run)])
    assert places == [(one["document"], one["at"], 4) for one in stored("drift")[:3]]
    write_reports(folder)
    assert "3 origins" in (folder / "report.html").read_text(encoding="utf-8").replace("\u00a0", " ")
