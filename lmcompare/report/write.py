"""Writing the reports into the run folder, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lmcompare.analysis import Run, Table, join, load_run, write_joined_results, write_results
from lmcompare.errors import LmcompareError, as_written
from lmcompare.report.charts.svg import standalone
from lmcompare.report.page import Report
from lmcompare.report.several_texts import SeveralTexts
from lmcompare.runfolder.files import write_text
from lmcompare.runfolder.layout import JOINED
from lmcompare.runfolder.seals import locked

ASIDE = ".new-"  # begins the names of folders in which things are made before they are put in place
ENTRIES = ("tables", "charts", "results.json", "results.csv", "report.md", "report.html")


def write_report(folder: Path) -> Path:
    """Write ``report.html``, ``report.md`` and ``charts/*.svg`` into a run folder and return the HTML file's path.

    Raises ``LmcompareError`` if the folder is no run folder, one of its files is broken, or it can't be written to.
    """
    return write_report_of(load_run(folder), folder)


def write_report_of(run: Run, folder: Path, names: Sequence[str] = ()) -> Path:
    """Write the same for a run that need not lie in the folder; ``names``: the models of other tables beside it."""
    report = Report(run, names)
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
    _check_place(out)
    with as_written(" or ".join(map(str, folders))):
        tables = join([load_run(folder) for folder in folders])
        write_text(out / JOINED, "A report of several runs; written anew by 'lmcompare report'.\n")
        with locked(out), tempfile.TemporaryDirectory(dir=out, prefix=ASIDE) as aside:
            _clear(out, aside)
            _write_tables(tables, Path(aside))
            for name in ENTRIES:  # only now: what an earlier report left stays whole until this one is
                _replace(Path(aside) / name, out / name)
    return out / "report.html"


def _write_tables(tables: Sequence[Table], place: Path) -> None:
    if len(tables) == 1:
        write_results(tables[0].run, place)
        write_report_of(tables[0].run, place)
        return
    page = SeveralTexts(tables)
    for part in page.parts:
        within = place / part.folder
        within.mkdir(parents=True)
        write_results(part.table.run, within)
        write_report_of(part.table.run, within, part.names)
    write_joined_results(tables, [part.name for part in page.parts], place)
    write_text(place / "report.md", page.markdown())
    write_text(place / "report.html", page.html())


def _check_place(out: Path) -> None:
    """Raise ``LmcompareError`` where a folder holds anything that no report of several runs has written: a run, or
    what is not ours to remove.
    """
    if out.exists() and not out.is_dir():
        raise LmcompareError(f"{out} is a file, not a folder: choose another --out")
    if not out.is_dir():
        return
    found = {path.name for path in out.iterdir()}
    tables = [path for table in out.glob("tables/*") for path in (table.iterdir() if table.is_dir() else [table])]
    strange = sorted(found - {JOINED, ".lock", ".holder", *ENTRIES} if JOINED in found else found)
    strange += sorted(str(path.relative_to(out)) for path in tables if path.name not in ENTRIES)
    strange = [name for name in strange if not name.startswith(ASIDE)]
    if strange:
        raise LmcompareError(f"{out} holds other files ({strange[0]}): choose a new or empty folder as --out")


def _clear(out: Path, kept: str) -> None:
    """Remove what a report that was killed left aside."""
    for stale in out.glob(f"{ASIDE}*"):
        if stale != Path(kept):
            shutil.rmtree(stale, ignore_errors=True)


def _replace(new: Path, old: Path) -> None:
    """Put a file or folder in the place of another, which comes back if that fails; without a new one it goes."""
    with tempfile.TemporaryDirectory(dir=old.parent, prefix=ASIDE) as place:
        gone = Path(place) / old.name
        if old.exists():
            os.replace(old, gone)
        try:
            if new.exists():
                os.replace(new, old)
        except OSError:
            if gone.exists():
                os.replace(gone, old)
            raise


def _write_charts(folder: Path, charts: dict[str, str]) -> None:
    """Replace the folder of charts by a new one, so that none of an earlier report stays behind."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=ASIDE) as aside:
        new = Path(aside) / "charts"
        new.mkdir()
        for name, drawing in charts.items():
            (new / name).write_text(drawing, encoding="utf-8", newline="\n")
        _replace(new, folder / "charts")
