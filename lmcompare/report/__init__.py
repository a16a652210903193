"""The report of a run: figures and exhibits as words, charts and pages. It never imports a model, torch or gensim."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lmcompare.analysis import Run

__all__ = ["render_html", "render_markdown", "write_joined_report", "write_report"]


def write_report(folder: Path) -> Path:
    """Write ``report.html``, ``report.md`` and ``charts/*.svg`` into a run folder and return the HTML file's path.

    Raises
    ------
    LmcompareError
        If the folder is no run folder, one of its files is damaged, or it cannot be written to.
    """
    from lmcompare.analysis import load_run
    from lmcompare.report.write import write_report_of

    return write_report_of(load_run(Path(folder)), Path(folder))


def write_joined_report(folders: Sequence[Path], out: Path) -> Path:
    """Write one report of several runs into a folder of its own and return the HTML file's path.

    Runs on the same text become one table; each other text has a table of its own, with the reason.

    Raises
    ------
    LmcompareError
        If a folder is no run folder or is given twice, or ``out`` contains other files.
    """
    from lmcompare.report.write import write_joined_report as write

    return write([Path(folder) for folder in folders], Path(out))


def render_html(run: Run) -> str:
    """Return the report of a run as one HTML page that needs no other file and no network."""
    from lmcompare.report.page import Report

    return Report(run).html()


def render_markdown(run: Run) -> str:
    """Return the report of a run as Markdown; it refers to the drawings that ``write_report`` puts in ``charts/``."""
    from lmcompare.report.page import Report

    return Report(run).markdown()
