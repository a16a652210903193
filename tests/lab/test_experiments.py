"""Every built-in experiment runs on a text that it was not made for, and its findings are drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcompare.lab.contract import experiment_names
from tests.lab.everything import ELSEWHERE, little_is_asked, narrow, run_all, wordnet

__all__ = ["little_is_asked", "narrow", "wordnet"]

pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("cells_here", "measured_here", "wordnet", "narrow", "little_is_asked")
def test_all_experiments(tmp_path: Path) -> None:
    failures, found, page = run_all(tmp_path)
    assert failures == {}
    assert list(found) == [name for name in experiment_names() if name not in ELSEWHERE]
    for name, each in found.items():
        assert each.verdict
        assert each.tables, name
        assert each.exhibits or name == "ideas", name
        assert each.title in page
        assert not each.decides
        for table in each.tables:
            assert len({row.name for row in table.rows}) == len(table.rows) > 0, table.title
            for row in table.rows:
                assert row.low is None or row.low <= row.amount <= (row.high or 0.0), row
    ideas = {row.name: row for row in found["ideas"].tables[0].rows}
    assert len(ideas) == 11
    assert ideas["The causal mask"].remark
    assert ideas["The causal mask"].p_holm is None
    windows = {row.name: row for row in found["positions"].tables[2].rows}
    assert {name for name, row in windows.items() if row.remark} == {
        *("learned, 2 × window", "learned, 4 × window", "relative, 2 × window", "relative, 4 × window")
    }
    assert "can't be drawn" not in page
