"""The reports of a stored run, made again from what its folder holds."""

from __future__ import annotations

from pathlib import Path

from lmcompare.errors import LmcompareError, as_written
from lmcompare.runfolder.run import load_run
from lmcompare.runfolder.seals import locked


def rebuild(folder: Path) -> tuple[Path, dict[str, str]]:
    """Build the reports of a run folder; return the page's path and, by "name/seed", why a cell is not among the
    figures.

    Raises ``LmcompareError`` for a folder that is none of a run, that has lost all that a report is made of, that
    holds what no run wrote, or that another process writes to.
    """
    run = load_run(folder)  # what is no run is not locked
    if not run.scored and (lost := [cell for cell in run.cells if cell.lost]):
        raise LmcompareError(
            f"{folder} lacks what a report is made of ({lost[0].name}: {lost[0].error}); its report stays as it is"
        )
    with locked(folder):
        return write_reports(folder)


def write_reports(folder: Path) -> tuple[Path, dict[str, str]]:
    """Do the same in a folder that this process holds: results.json, results.csv, report.md and report.html."""
    from lmcompare.analysis import write_results
    from lmcompare.report.write import write_report_of

    with as_written(folder):
        run = load_run(folder)  # once: its files are checked and its scores are gone through for all of them
        write_results(run)
        page = write_report_of(run, folder)
        return page, {f"{cell.name}/{cell.seed}": str(cell.error) for cell in run.cells if cell.error is not None}
