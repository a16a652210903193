"""Writing the reports into the run folder, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from lmcompare.analysis import load_run
from lmcompare.errors import LmcompareError
from lmcompare.report.charts.svg import standalone
from lmcompare.report.page import Report
from lmcompare.storage import write_text


def write_report(folder: Path) -> Path:
    """Write ``report.html``, ``report.md`` and ``charts/*.svg`` into a run folder and return the HTML file's path.

    Raises ``LmcompareError`` if the folder is no run folder, one of its files is broken, or it can't be written to.
    """
    report = Report(load_run(folder))
    html, markdown = report.html(), report.markdown()
    charts = {name: standalone(drawing) for name, drawing in report.charts.items()}
    try:
        _write_charts(folder, charts)
    except OSError as error:
        raise LmcompareError(
            f"can't write the report into {folder} ({error.strerror or error}): free some space or make it writable"
        ) from None
    write_text(folder / "report.md", markdown)
    write_text(folder / "report.html", html)
    return folder / "report.html"


def _write_charts(folder: Path, charts: dict[str, str]) -> None:
    """Replace the folder of charts by a new one, so that none of an earlier report stays behind."""
    aside = Path(tempfile.mkdtemp(dir=folder, prefix=".charts-"))
    new, old = aside / "new", aside / "old"
    try:
        new.mkdir()
        for name, drawing in charts.items():
            (new / name).write_text(drawing, encoding="utf-8", newline="\n")
        if (folder / "charts").exists():
            os.replace(folder / "charts", old)
        try:
            os.replace(new, folder / "charts")
        except OSError:
            if old.exists():
                os.replace(old, folder / "charts")
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
