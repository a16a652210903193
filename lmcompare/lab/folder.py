"""The folder of a laboratory, which may be that of a run: what lmcompare writes there, and how it is recognised."""

from __future__ import annotations

from pathlib import Path

from lmcompare.errors import LmcompareError, moved
from lmcompare.run_mark import is_run_folder
from lmcompare.runfolder.files import write_text
from lmcompare.runfolder.layout import CHARTS, FINDINGS, LAB, LAB_MARK, LAB_MARKDOWN, LAB_PAGE, LAB_RUN
from lmcompare.runfolder.ownership import refuse_link, refuse_others


def check_free(folder: Path) -> None:
    """See that a folder is that of a laboratory, or can become one.

    Raises
    ------
    LmcompareError
        If it is a file, has files in it that are not those of a run or of a laboratory, or has something else in a
        place that is written to.
    """
    if folder.exists() and not folder.is_dir():
        raise LmcompareError(f"{folder} is a file, not a folder: choose another --out")
    if folder.is_dir() and not (folder / LAB_MARK).is_file():
        run = folder / LAB_RUN  # empty if there was no room for its first file
        begun = {LAB_RUN} if is_run_folder(run) or (run.is_dir() and not any(run.iterdir())) else set()
        there = {path.name for path in folder.iterdir() if not path.name.startswith(".")} - begun
        refuse_others(folder, there & {*LAB} if is_run_folder(folder) else there)
    for name in (*LAB, CHARTS):
        place, is_folder = folder / name, name not in (LAB_PAGE, LAB_MARKDOWN)
        refuse_link(place)
        if place.exists() and place.is_dir() != is_folder:
            raise LmcompareError(f"{place} is {'a file' if is_folder else 'a folder'} and in the way: remove it")
    refuse_link(folder / LAB_MARK)


def claim(folder: Path) -> None:
    """Mark a folder, which ``check_free`` has let pass, as that of a laboratory."""
    if not (folder / LAB_MARK).exists():
        write_text(folder / LAB_MARK, "A laboratory of lmcompare: 'lmcompare lab' writes here.\n")


def see_that_it_is_there(folder: Path) -> None:
    """Raise ``LmcompareError`` if the laboratory's folder was moved or removed before something is written."""
    for place, is_there in ((folder, (folder / LAB_MARK).is_file()), (run := folder / LAB_RUN, is_run_folder(run))):
        if not is_there:
            raise LmcompareError(moved(place))


def path_of(folder: Path, name: str) -> Path:
    """Return the file with the findings of an experiment."""
    return folder / FINDINGS / f"{name}.json"
