"""Everything that is made from a stored run: results.json, results.csv, report.md, report.html and the charts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lmcompare.analysis import write_results
from lmcompare.errors import LmcompareError
from lmcompare.report.write import made_of, write_report_of
from lmcompare.runfolder.guards import OF_RUN, locked, refuse_links, remove_begun
from lmcompare.runfolder.run import Run, load_run


def write_reports(
    folder: Path, page: Mapping[str, Any] = {}, named: Sequence[str] = ()
) -> tuple[Path, dict[str, str]]:
    """Write the results and the reports of a run into its folder.

    ``page`` is as in ``ReportData``; ``named`` are the studies that the caller has named, whose code may run.

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
    return _write(folder, page, named, lambda run: None)


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
    folder: Path, page: Mapping[str, Any], named: Sequence[str], prepare: Callable[[Run], None]
) -> tuple[Path, dict[str, str]]:
    with made_of(folder):
        refuse_links(folder)
        load_run(folder)  # another folder gets no lock
        with locked(folder):
            run = load_run(folder)  # once: its files are checked and its scores are read for all that is written
            run.named = named
            prepare(run)
            remove_begun(folder, OF_RUN)
            write_results(run)
            written = write_report_of(run, folder, page=page)
        return written, {f"{cell.name}/{cell.seed}": str(cell.error) for cell in run.cells if cell.error is not None}
