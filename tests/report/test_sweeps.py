"""The section on sweeps: what is drawn, and what is said of the setting that was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lmcompare.runfolder.cell import Sweep, Trial
from lmcompare.studies.sweeps.section import Shown, build, honest, proposed, shown
from tests.report.tree import parse

MODEL: Any = SimpleNamespace(title="GRU", index=2)
LOG = {"low": 1e-3, "high": 1e-1, "log": True}


def sweep(settings: Sequence[dict[str, Any]], figures: Sequence[float], search: str = "", **varied: Any) -> Sweep:
    """A sweep of settings of these bits per byte, on eight documents of a byte each."""
    cost = {"parameters": 10, "train_seconds": 2.0}
    trials = [Trial(s, np.full((1, 8), f), np.ones(8), (cost,), None) for s, f in zip(settings, figures, strict=True)]
    best = settings[int(np.argmin(figures))]
    return Sweep("gru", best, tuple(trials), varied, {"method": search} if search else {})


def of_order(*figures: float) -> Shown:
    settings = [{"order": order} for order in range(1, len(figures) + 1)]
    return shown(MODEL, sweep(settings, figures, order=[each["order"] for each in settings]))


@pytest.mark.parametrize(
    ("figures", "end"), [((3.0, 2.0, 1.0), "largest"), ((1.0, 2.0, 3.0), "smallest"), ((3.0, 1.0, 2.0), "")]
)
def test_one_hyper_parameter_has_a_row_for_each_value_and_the_end_of_a_range_is_said(
    figures: tuple[float, ...], end: str
) -> None:
    found = of_order(*figures)
    assert f"order = {int(np.argmin(figures)) + 1}" in found.claim
    assert ("that was tried" in found.claim) == bool(end)
    assert end in found.claim
    assert not found.slices
    assert str(found.chart).count("<title>order = ") == 3
    both = [{"order": order, "sizes": [order]} for order in (1, 2, 3)]
    (part,) = shown(MODEL, sweep(both, figures)).slices
    assert part.key == "order"
    assert end in part.claim


def test_several_hyper_parameters_have_a_chart_each_with_a_mark_for_each_setting() -> None:
    rng = np.random.default_rng(0)
    settings = [
        {"rate": float(rate), "width": int(w), "gated": bool(w % 2), "seed": int(w)}
        for rate, w in rng.random((40, 2)) * [0.1, 64]
    ]
    found = shown(
        MODEL, sweep(settings, rng.random(40).tolist(), "tpe", rate=LOG, width={"low": 0, "high": 64, "log": False})
    )
    assert [each.key for each in found.slices] == ["rate", "width"]
    assert all(str(each.chart).count("<title>") == 40 for each in found.slices)
    assert found.keys == ["rate", "width", "gated", "seed"]
    assert found.chart is None


def test_a_failed_setting_is_in_the_table_alone() -> None:
    good = sweep([{"order": 1}, {"order": 2}, {"order": 3}], [1.0, 2.0, 3.0])
    failed = Trial({"order": 4}, np.zeros((0, 0)), np.zeros(0), (), "it ran out of memory")
    found = shown(MODEL, Sweep("gru", {"order": 1}, (*good.trials, failed), {}, {}))
    assert [row.error for row in found.rows][3] == "it ran out of memory"
    assert "order = 4" not in str(found.chart)


def test_how_settings_were_proposed_and_what_compares_them_is_said() -> None:
    settings = [{"rate": 0.01, "tokens.size": 100}, {"rate": 0.02, "tokens.size": 200}]
    assert "at random: rate from 0.001 to 0.1" in proposed(sweep(settings, [1, 2], "random", rate=LOG))
    assert "TPE" in proposed(sweep(settings, [1, 2], "tpe", rate=LOG))
    sizes: dict[str, Any] = {"tokens.size": [100, 200]}
    assert "perplexity does not" in proposed(sweep(settings, [1, 2], **sizes))
    assert proposed(sweep(settings, [1, 2], rate=[0.01, 0.02])) == ""
    assert "luck" in honest(sweep([{"seed": 0}, {"seed": 1}], [1, 2], seed=[0, 1]))
    assert "luck" not in honest(sweep(settings, [1, 2]))


def test_the_section_has_a_table_of_the_settings_of_each_model_that_was_swept() -> None:
    def model(name: str) -> Any:
        cell = SimpleNamespace(path=Path("run") / "cells" / name / "0")
        return SimpleNamespace(title=name.upper(), name=name, index=2, entry=SimpleNamespace(cells=[cell]))

    found = sweep([{"order": 1}, {"order": 2}], [3.0, 2.5], order=[1, 2])
    run = SimpleNamespace(sweeps=[found], path=Path("run"))
    data: Any = SimpleNamespace(run=SimpleNamespace(runs=[run]), models=[model("lstm"), model("gru")])
    section = build(data)
    assert section is not None
    shown = parse(str(section.html))
    assert [head.text for head in shown.all("h3")] == ["GRU"]
    rows = shown.one("table").rows()
    assert [row[:2] for row in rows] == [["1", "3.000"], ["2 chosen", "2.500"]]
    assert [row[-2:] for row in rows] == [["10", "2 s"]] * 2
    run.sweeps = []
    assert build(data) is None
