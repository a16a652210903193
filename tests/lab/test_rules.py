"""Rules are counted where they match: a planted share is found, and none where none is."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcompare.analysis.findings import read_findings
from lmcompare.harness import changes
from lmcompare.harness.progress import Display
from lmcompare.lab.folder import path_of
from lmcompare.lab.run import run_lab

pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("cells_here", "measured_here")
def test_a_planted_share_is_found(tmp_path: Path) -> None:
    things = ["garden", "hat", "train", "lamp", "door"]
    lines = [
        f"I need that old {things[n % 5]} now" if n % 4 == 0 else f"{things[n % 5]}s stand near every {things[n % 3]}"
        for n in range(2400)
    ]
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join("\n".join(lines[k : k + 20]) for k in range(0, len(lines), 20)), encoding="utf-8")
    plan, _ = changes.started(None, "quick")
    plan = plan.replace("here", budget={"steps": 2}, examples={"sentences": 0, "prompts": (), "length": 1})
    plan = changes.with_corpus(plan, str(text), {"documents": "blank-line"})
    outcome = run_lab(["rules"], plan, tmp_path / "lab", Display())
    assert outcome.failures == {}
    found = read_findings(path_of(tmp_path / "lab", "rules"))
    assert found is not None
    rows = {row.name: row for row in found.tables[0].rows}
    assert rows["ELIZA"].value == pytest.approx(0.25)
    assert rows["Iesha"].value == 0.0
    assert rows["Iesha"].low is None
    assert all(row.p_holm is None for row in rows.values())
    for table, planted in zip(found.tables[1:], (True, True, False, False), strict=True):
        eliza, ours, *models = table.rows
        assert (
            ("I need" in table.title) == planted == ("I need (.*)" in eliza.saying) != ("everything" in eliza.saying)
        )
        assert eliza.value == pytest.approx(0.25 if planted else 0.75)
        assert ours.name == "script for statements"
        assert [(row.name, row.value) for row in models] == [("5-gram", None), ("transformer", None)]
    assert "25.0" in found.verdict
