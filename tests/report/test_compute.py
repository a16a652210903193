"""What the page says of models at equal compute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmcompare.analysis.compute import courses
from lmcompare.report.data import ReportData
from lmcompare.report.sections import compute
from tests.analysis.tiny import tiny_run
from tests.report.tree import parse


def data(folder: Path, **more: Any) -> ReportData:
    """A run of counts that need a second, 2 bits a token, and a network that ends with 1 bit after 100 seconds."""
    half, quarter = np.full(400, 0.5), np.full(400, 0.25)
    points = [
        {"step": n, "seconds": 10.0**n, "tokens": None, "flops": 10.0 ** (9 + n), "bits_per_byte": 4.0 - 1.5 * n}
        for n in (0, 1)
    ]
    network = {"train_seconds": 100.0, "milestones": points, "train_flops": 1e11}
    costs = {"counts": {"train_seconds": 1.0}, "network": {**network, **more}}
    return ReportData(tiny_run(folder, {"counts": [quarter], "network": [half]}, documents=[[10]] * 40, costs=costs))


def test_who_is_ahead_up_to_when(tmp_path: Path) -> None:
    found = data(tmp_path)
    counts, network = courses(found.run)
    assert counts.seconds.tolist() == [1.0]
    assert network.figures.tolist() == pytest.approx([4.0, 2.5, 1.0])
    section = compute.build(found)
    assert section is not None
    shown = parse(str(section.html))
    claim = shown.all("p", "claim")[0].text
    # from 2.5 bits after 10 s to 1 after 100 s: 2 after 10 ** (4 / 3)
    assert claim.index("counts") < claim.index("22 s") < claim.index("network")
    rows = shown.one("table").rows()
    assert [row[1].split()[0] for row in rows] == ["–", "–", "2.000"]
    assert [row[2].split()[0] for row in rows] == ["4.000", "2.500", "1.000"]


def test_costs_of_models_that_ran_at_the_same_time_are_not_compared(tmp_path: Path) -> None:
    section = compute.build(data(tmp_path, beside=True))
    assert section is not None
    shown = parse(str(section.html))
    assert "Seconds are not compared" in shown.text
    assert len(shown.all("figure")) == 1


def test_a_run_without_milestones_has_no_section(tmp_path: Path) -> None:
    assert compute.build(data(tmp_path, milestones=[])) is None
