"""Writing the reports into the run folder, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lmcompare.analysis import Run, join, load_run, write_joined_results, write_results
from lmcompare.errors import LmcompareError
from lmcompare.report.charts.svg import standalone
from lmcompare.report.overview import Overview
from lmcompare.report.page import Report
from lmcompare.storage import locked, write_text

JOINED = ".joined"  # in a folder that holds a report of several runs and nothing else


def write_report(folder: Path) -> Path:
    """Write ``report.html``, ``report.md`` and ``charts/*.svg`` into a run folder and return the HTML file's path.

    Raises ``LmcompareError`` if the folder is no run folder, one of its files is broken, or it can't be written to.
    """
    return write_report_of(load_run(folder), folder)


def write_report_of(run: Run, folder: Path) -> Path:
    """Write the same for a run that need not lie in the folder."""
    report = Report(run)
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


def write_joined_report(folders: Sequence[Path], out: Path) -> Path:
    """Write one report of several runs into ``out``, with results.json and results.csv; return the HTML file's path.

    Runs on one text become one table. Where there are several texts, the page holds a leaderboard for each, and the
    full report of each lies in a folder under ``out / "tables"``.

    Raises ``LmcompareError`` if a folder is no run folder or is given twice, or ``out`` holds anything else.
    """
    places = [folder.resolve() for folder in folders]
    if twice := [folder for folder in folders if places.count(folder.resolve()) > 1]:
        raise LmcompareError(f"{twice[0]} is given twice: give each run folder once")
    tables = join([load_run(folder) for folder in folders])
    with _joined_folder(out):
        if len(tables) == 1:
            write_results(tables[0].run, out)
            return write_report_of(tables[0].run, out)
        page = Overview(tables)
        for part in page.parts:
            place = out / part.folder
            place.mkdir(parents=True)
            write_results(part.table.run, place)
            write_report_of(part.table.run, place)
        write_joined_results(tables, [part.name for part in page.parts], out)
        write_text(out / "report.md", page.markdown())
        write_text(out / "report.html", page.html())
    return out / "report.html"


@contextmanager
def _joined_folder(out: Path) -> Iterator[None]:
    """Hold a folder for a report of several runs, without what an earlier one left there.

    A folder with anything else in it is refused: it might be a run's, or hold what is not ours to remove.
    """
    if out.exists() and not out.is_dir():
        raise LmcompareError(f"{out} is a file, not a folder: choose another --out")
    ours = out / JOINED
    if out.is_dir() and not ours.is_file() and any(out.iterdir()):
        raise LmcompareError(f"{out} holds other files: choose a new or empty folder as --out")
    write_text(ours, "A report of several runs; written anew by 'lmcompare report'.\n")
    with locked(out):
        shutil.rmtree(out / "tables", ignore_errors=True)
        yield


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
