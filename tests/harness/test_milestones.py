"""A run whose models are scored while they are trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import lmcompare
from lmcompare.harness.cells.cell import SHARES
from tests.test_api import TEXTS

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]

NET = {"plugin": "rnn", "width": 4, "hidden": 4, "steps": 100, "batch": 2, "length": 8}


def run(folder: Path, **options: Any) -> Path:
    lmcompare.compare(TEXTS, ["unigram", NET], out=folder, quiet=True, live="none", **options)
    return folder


@pytest.fixture(scope="module")
def plain(cells_here: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without milestones."""
    return run(tmp_path_factory.mktemp("plain") / "run")


def test_a_network_is_scored_at_ten_points_and_stays_what_it_was(plain: Path, tmp_path: Path) -> None:
    folder = run(tmp_path / "milestones", milestones=True)
    rows = [json.loads((each / "results.json").read_text())["models"] for each in (plain, folder)]
    assert [[model["bits_per_byte"] for model in models] for models in rows[:1]] == [
        [model["bits_per_byte"] for model in models] for models in rows[1:]
    ]
    counts, network = json.loads((folder / "results.json").read_text())["studies"]["compute"]
    assert len(counts["points"]) == 1
    points = network["points"]
    assert len(points) == len(SHARES) + 1 == 10
    assert [point["seconds"] for point in points] == sorted(point["seconds"] for point in points)
    steps = [row["step"] for row in json.loads((folder / "cells/rnn/0/cost.json").read_text())["milestones"]]
    assert steps == [1, 2, 3, 5, 8, 13, 22, 36, 60]
    assert points[-1]["flops"] == pytest.approx(points[-2]["flops"] * 100 / 60, rel=0.15)
    assert points[-1]["valid_bits_per_byte"] == pytest.approx(rows[0][1]["valid_bits_per_byte"])
    page = (folder / "report.html").read_text()
    assert 'id="compute"' in page
    assert 'id="compute"' not in (plain / "report.html").read_text()


def test_a_finished_run_without_milestones_is_made_again_with_them(plain: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(plain, tmp_path / "run"))
    before = (folder / "cells/unigram/0/cell.json").stat().st_mtime_ns
    run(folder, milestones=True)
    assert len(json.loads((folder / "cells/rnn/0/cost.json").read_text())["milestones"]) == len(SHARES)
    assert (folder / "cells/unigram/0/cell.json").stat().st_mtime_ns == before  # it counts at once
