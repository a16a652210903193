"""A run as a notebook shows it: the finding, its cautions and the leaderboard of the report, in a frame."""

from __future__ import annotations

from pathlib import Path

from lmcompare.errors import working_directory
from lmcompare.render.templating import fill
from lmcompare.report import series
from lmcompare.report.data import ReportData
from lmcompare.report.page import whole_page
from lmcompare.report.sections import leaderboard, summary
from lmcompare.runfolder.run import load_run

STYLES = ("charts.css", "report.css")
TOP, ROW, MOST = 620, 62, 1000  # pixels of the frame: without a table, for each row of it, and at most


def notebook(folder: Path) -> str:
    """Return the HTML of a run for a notebook.

    The frame has a document and styles of its own, without scripts and without access to the notebook, so that
    neither changes the other; it follows the light or dark scheme of the reader's system.

    Raises
    ------
    LmcompareError
        If the folder is not a run folder.
    """
    data = ReportData(load_run(folder))
    if data.run.corpus.kind == "series" and data.scored:
        rows = len(data.series.accuracies)
        finding = series.summary(data.series, still=True)
        parts = [finding, series.leaderboard(data.series, still=True)]
    else:
        finding, sure = summary.for_notebook(data)
        rows = len(data.ranking)
        parts = [finding, leaderboard.build(data, still=True), sure]
    version, title = data.run.manifest.lmcompare, finding.title
    page = whole_page("notebook", scripts=False, styles=STYLES, version=version, title=title, parts=parts)
    report, here = (folder / "report.html").resolve(), working_directory()
    inside = report.is_relative_to(here)
    return str(
        fill(
            "frame",
            page=str(page),  # markup would not be escaped
            title=title,
            height=min(MOST, TOP + ROW * rows),
            link=report.relative_to(here).as_posix() if inside else report.as_uri(),
            shown=report.relative_to(here) if inside else report,
        )
    )
