"""Everything that is made from stored runs: results.json, results.csv, report.md, report.html and the charts.

Reports of several runs are written beside them: runs on one text in one table, other texts in tables of their own.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pandas as pd

from lmcompare.analysis import Run, Table, join, leaderboard, load_run, results, write_results
from lmcompare.analysis.results import SCHEMA_VERSION, as_csv
from lmcompare.errors import LmcompareError, cannot_write, in_one_sentence, what_went_wrong
from lmcompare.render.charts.svg import is_standalone, standalone
from lmcompare.report.page import Report
from lmcompare.report.several_texts import SeveralTexts
from lmcompare.runfolder.files import write_json, write_text
from lmcompare.runfolder.guards import (
    OF_RUN,
    locked,
    refuse_links,
    refuse_others,
    refuse_place_in_run,
    remove_begun,
    remove_if_empty,
)
from lmcompare.runfolder.layout import CHARTS, JOINED, LAB_CHARTS, REPORT, REPORT_FILES

ASIDE = ".new-"  # prefix of temporary folders, from which finished files are moved into place
_ASIDE = re.compile(rf"{re.escape(ASIDE)}[a-z0-9_]{{8}}")  # as tempfile names them


def write_report_of(run: Run, folder: Path, names: Sequence[str] = (), page: Mapping[str, Any] = {}) -> Path:
    """Write the report of a run into a folder; ``names`` and ``page`` as in ``ReportData``."""
    report = Report(run, names, page)
    html, markdown = report.html(), report.markdown()
    charts = {name: standalone(drawing) for name, drawing in report.charts.items()}
    try:
        _write_charts(folder, charts)
    except OSError as error:
        raise LmcompareError(cannot_write(folder / CHARTS, error)) from error
    write_text(folder / "report.md", markdown)
    write_text(folder / "report.html", html)
    return folder / "report.html"


def made_of(*folders: Path) -> AbstractContextManager[None]:
    """Turn an unexpected error, in the report's code or in what it reads, into an ``LmcompareError``."""
    return in_one_sentence(
        lambda error: (
            f"the report of {' and '.join(map(str, folders))} can't be made ({what_went_wrong(error)}): this is a"
            " fault of lmcompare, unless files there were changed; report it, or run the experiment again"
        )
    )


def remove_report(folder: Path) -> None:
    """Remove the results and the reports of a run that has no models any more."""
    with locked(folder):
        _write_charts(folder, {})
        remove_if_empty(folder / CHARTS)
        for name in REPORT_FILES:
            (folder / name).unlink(missing_ok=True)


def write_joined_report(folders: Sequence[Path], out: Path, studies: Sequence[str] | None = None) -> Path:
    """Write one report of several runs into ``out``, with its results, and return the path of report.html.

    Runs on the same text become one table. Each other text has a table of its own, with the reason, and its full
    report is in a folder under ``out / "tables"``. ``studies`` are as in ``lmcompare.report.write.rebuild``.

    Raises
    ------
    LmcompareError
        If a folder is not a run folder or is given twice, or ``out`` contains other files.
    """
    places = [folder.resolve() for folder in folders]
    if twice := [folder for folder in folders if places.count(folder.resolve()) > 1]:
        raise LmcompareError(f"{twice[0]} is given twice: give each run folder once")
    _check_place(out)
    with made_of(*folders):
        runs = [load_run(folder) for folder in folders]
        for run in runs:
            run.studies, run.named = (run.studies, ()) if studies is None else (studies, studies)
        if of_series := [run for run in runs if run.corpus.kind == "series"]:
            raise LmcompareError(
                f"{of_series[0].path} is a run on series of numbers, which has a report of its own: leave it out"
            )
        tables = join(runs)
        write_text(out / JOINED, "A report of several runs; written anew by 'lmcompare report'.\n")
        with locked(out), tempfile.TemporaryDirectory(dir=out, prefix=ASIDE) as aside:
            _clear(out, aside)
            _write_tables(tables, Path(aside))
            for name in REPORT:  # only now: an earlier report stays complete until this one is
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
    _write_joined_results(page, place)
    write_text(place / "report.md", page.markdown())
    write_text(place / "report.html", page.html())


def _write_joined_results(page: SeveralTexts, folder: Path) -> None:
    """Write results.json with ``tables``, and results.csv with a column ``table`` before those of a run."""
    listed = [
        {
            "name": part.name,
            "runs": [str(run.path) for run in part.table.run.runs],
            "reasons": part.reasons,
            "results": results(part.table.run),
        }
        for part in page.parts
    ]
    write_json(folder / "results.json", {"schema_version": SCHEMA_VERSION, "tables": listed})
    boards = [leaderboard(part.table.run) for part in page.parts]
    for board, part in zip(boards, page.parts, strict=True):
        board.insert(0, "table", part.name)
    write_text(folder / "results.csv", as_csv(pd.concat(boards)))


def _check_place(out: Path) -> None:
    """Raise ``LmcompareError`` if a folder contains anything that no report of several runs has written."""
    if out.exists() and not out.is_dir():
        raise LmcompareError(f"{out} is a file, not a folder: choose another --out")
    refuse_place_in_run(out)
    if not out.is_dir():
        return
    found = {path.name for path in out.iterdir()}
    tables = [path for table in out.glob("tables/*") for path in (table.iterdir() if table.is_dir() else [table])]
    charts = [path for folder in (out, *out.glob("tables/*")) for path in (folder / CHARTS).glob("*")]
    strange = sorted(found - {JOINED, ".lock", ".holder", *REPORT} if JOINED in found else found)
    strange += sorted(str(path.relative_to(out)) for path in tables if path.name not in REPORT)
    strange += [str(path.relative_to(out)) for path in charts if not is_standalone(path)]
    refuse_others(out, [name for name in strange if not (JOINED in found and _ASIDE.fullmatch(name))])


def _clear(out: Path, kept: str) -> None:
    """Remove the temporary files of a report that was killed."""
    for stale in out.glob(f"{ASIDE}*"):
        if stale != Path(kept) and _ASIDE.fullmatch(stale.name):
            shutil.rmtree(stale, ignore_errors=True)


def _replace(new: Path, old: Path) -> None:
    """Replace a file or folder, restoring it if that fails; without a new one, remove it."""
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
    """Write the charts, then remove those of an earlier report; other files in their folder stay.

    Among these are the charts of a laboratory in the same folder.
    """
    place = folder / CHARTS
    remove_begun(place, charts)
    for name, drawing in charts.items():
        write_text(place / name, drawing)
    for path in place.glob("*"):
        if path.name not in charts and not path.name.startswith(LAB_CHARTS) and is_standalone(path):
            path.unlink()


def write_reports(
    folder: Path, page: Mapping[str, Any] = {}, named: Sequence[str] = (), *, held: bool = False
) -> tuple[Path, dict[str, str]]:
    """Write the results and the reports of a run into its folder.

    ``page`` is as in ``ReportData``; ``named`` are the studies that the caller has named, whose code may run;
    ``held`` is whether this process has the lock of the folder.

    Returns
    -------
    page : Path
        The path of report.html.
    missing : dict of str to str
        By "name/seed", why a cell is not among the figures.

    Raises
    ------
    LmcompareError
        If the folder is not a run folder, the report can't be made of it, or another process writes to it.
    """
    return _write(folder, page, named, lambda run: None, held)


def rebuild(
    folder: Path, page: Mapping[str, Any] = {}, studies: Sequence[str] | None = None
) -> tuple[Path, dict[str, str]]:
    """Write the reports of an earlier run again, unless its folder has lost everything that a report is made of.

    ``studies`` are those that the user has named in place of the experiment's.

    Raises
    ------
    LmcompareError
        As ``write_reports``, and if no cell is left: the report that is there stays as it is.
    """

    def prepare(run: Run) -> None:
        _see_that_something_is_left(run)
        run.studies = run.studies if studies is None else studies

    return _write(folder, page, studies or (), prepare)


def _see_that_something_is_left(run: Run) -> None:
    if not run.scored and (lost := [cell for cell in run.cells if cell.lost]):
        raise LmcompareError(
            f"{run.path} lacks what a report is made of ({lost[0].name}: {lost[0].error}); its report stays as it is"
        )


def _write(
    folder: Path, page: Mapping[str, Any], named: Sequence[str], prepare: Callable[[Run], None], held: bool = False
) -> tuple[Path, dict[str, str]]:
    with made_of(folder):
        refuse_links(folder)
        load_run(folder)  # another folder gets no lock
        with nullcontext() if held else locked(folder):
            run = load_run(folder)  # once: its files are checked and its scores are read for all that is written
            run.named = named
            prepare(run)
            remove_begun(folder, OF_RUN)
            write_results(run)
            written = write_report_of(run, folder, page=page)
        return written, {f"{cell.name}/{cell.seed}": str(cell.error) for cell in run.cells if cell.error is not None}
