"""A run as a notebook shows it: the finding, its cautions and the leaderboard of the report, in a frame."""

from __future__ import annotations

import re
from pathlib import Path

from markupsafe import Markup

from lmcompare.errors import working_directory
from lmcompare.report.data import ReportData
from lmcompare.report.page import whole_page
from lmcompare.report.sections import leaderboard, summary
from lmcompare.report.templating import fill
from lmcompare.runfolder.run import load_run

STYLES = ("charts.css", "report.css")
TOP, ROW, MOST = 620, 62, 1000  # pixels of the frame: without a table, for each row of it, and at most
# what answers only in the report: files to save, links to its glossary, and headings that sort
_SAVE = re.compile(r"<p\b[^>]*>(?:(?!</p>).)*<a download=.*?</p>", re.DOTALL)
_QUESTION = re.compile(r'<a class="what"[^>]*>.*?</a>')
_LINK = re.compile(r'<a [^>]*href="#[^"]*"[^>]*>(.*?)</a>', re.DOTALL)
_SURE = re.compile(r'<details class="sure".*?</details>', re.DOTALL)  # the cautions, which are last here
_BUTTON = re.compile(r"<button\b[^>]*>(.*?)</button>", re.DOTALL)


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
    found = summary.build(data)
    top = _still(found.html)
    cautions = "".join(_SURE.findall(top))
    page = whole_page(
        "notebook",
        scripts=(),
        styles=STYLES,
        version=data.run.manifest.lmcompare,
        title=found.title,
        summary=Markup(top.replace(cautions, "")),
        leaderboard=Markup(_still(leaderboard.build(data, pairs=False).html)),
        cautions=Markup(cautions.replace("<details ", "<details open ")),
    )
    report, here = (folder / "report.html").resolve(), working_directory()
    inside = report.is_relative_to(here)
    return str(
        fill(
            "frame",
            page=str(page),  # markup, which would not be escaped
            title=found.title,
            height=min(MOST, TOP + ROW * len(data.ranking)),
            link=report.relative_to(here).as_posix() if inside else report.as_uri(),
            shown=report.relative_to(here) if inside else report,
        )
    )


def _still(html: Markup) -> str:
    """Return a part of the report without what leads to other parts of it or needs a script."""
    return _BUTTON.sub(r"\1", _LINK.sub(r"\1", _QUESTION.sub("", _SAVE.sub("", str(html)))))
