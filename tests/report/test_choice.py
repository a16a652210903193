"""Which model to take: the sliders' stops are the models' costs, and the answer is the best model within them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from lmcompare.analysis import Run
from lmcompare.report import numbers
from lmcompare.report.data import ReportData
from lmcompare.report.sections import choice
from tests.report.browser import complaints, visit


def test_each_model_is_allowed_from_its_own_cost_on(run: Run) -> None:
    data = ReportData(run)
    found = re.search(r"choice-data\">(.*?)</script>", choice.build(data))
    assert found is not None
    given = json.loads(found[1])
    (models,) = given["amounts"]
    rows = {row["name"]: row for row in data.results["models"]}
    assert [model["bits"] for model in models] == sorted(rows[m.name]["bits_per_byte"] for m, _ in data.ranking)
    for key in given["exceeds"]:
        costs = sorted({rows[m.name][key] for m, _ in data.ranking})
        stops = sorted({(model["stops"][key], model["costs"][key]) for model in models})
        assert stops == [(n, choice.LIMITS[key][1](cost)) for n, cost in enumerate(costs)]


def test_there_is_nothing_to_choose_where_costs_cannot_be_compared(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "ran_beside", True)
    assert choice.build(ReportData(run)) == ""


def test_the_answer_is_the_best_model_within_the_limits(folder: Path, run: Run, chromium: Browser) -> None:
    page = visit(chromium, folder / "report.html")
    answer, slider = page.locator(".choice-answer"), page.locator(".choice input[name=train_seconds]")
    best, *others = [row for _, row in ReportData(run).ranking]
    expect(answer).to_contain_text(numbers.bits_per_byte(best.bits_per_byte))
    assert best.train_seconds is not None
    within = [row for row in others if row.train_seconds is not None and row.train_seconds < best.train_seconds]
    times = sorted({row.train_seconds for row in (best, *others) if row.train_seconds is not None})
    slider.fill(str(times.index(best.train_seconds) - 1))
    first, second = answer.inner_text().split(". ", 1)
    assert numbers.bits_per_byte(within[0].bits_per_byte) in first
    assert numbers.bits_per_byte(best.bits_per_byte) in second  # and what it would cost
    assert numbers.seconds(best.train_seconds) in second
    assert not complaints(page)
    page.context.close()
