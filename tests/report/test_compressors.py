"""Compressors beside the models, in the report."""

from __future__ import annotations

from lmcompare.analysis import Run
from lmcompare.report import compressors
from lmcompare.report.data import ReportData
from lmcompare.report.sections import leaderboard


def test_their_figures_in_brief() -> None:
    found = compressors.listed({"ppmd": 1.943, "gzip": 2.983, "xz": 2.318})
    assert [each.title for each in found] == ["gzip", "xz", "PPMd, order 8"]
    assert compressors.in_brief(found) == "gzip 2.98, xz 2.32 and PPMd 1.94"


def test_the_page_shows_what_the_run_has_measured(run: Run) -> None:
    section = leaderboard.build(ReportData(run))
    assert section is not None
    for each in compressors.listed(run.corpus.compressors):
        assert each.title in section.html
        assert f"{each.bits_per_byte:.3f}" in section.html
    assert len(run.corpus.compressors) == 5
