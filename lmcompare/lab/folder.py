"""The folder of a laboratory: what lmcompare writes there, and how the folder is recognised."""

from __future__ import annotations

from pathlib import Path

from lmcompare.errors import LmcompareError, moved
from lmcompare.run_mark import is_run_folder
from lmcompare.runfolder.files import write_text
from lmcompare.runfolder.ownership import refuse_link, refuse_others

MARK = ".lmcompare-lab"
RUN = "run"  # the run folder of all conditions
FINDINGS = "findings"  # a JSON file for each experiment
PAGE, MARKDOWN, CHARTS = "lab.html", "lab.md", "charts"


def check_free(folder: Path) -> None:
    """See that a folder is that of a laboratory, or can become one.

    Raises
    ------
    LmcompareError
        If it is a file, has other files in it, or has something else in a place that is written to.
    """
    if folder.exists() and not folder.is_dir():
        raise LmcompareError(f"{folder} is a file, not a folder: choose another --out")
    if folder.is_dir() and not (folder / MARK).is_file():
        begun = {RUN} if is_run_folder(folder / RUN) else set()
        refuse_others(folder, {path.name for path in folder.iterdir() if not path.name.startswith(".")} - begun)
    for name, is_folder in {RUN: True, FINDINGS: True, CHARTS: True, PAGE: False, MARKDOWN: False}.items():
        place = folder / name
        refuse_link(place)
        if place.exists() and place.is_dir() != is_folder:
            raise LmcompareError(f"{place} is {'a file' if is_folder else 'a folder'} and in the way: remove it")
    refuse_link(folder / MARK)


def claim(folder: Path) -> None:
    """Mark a folder, which ``check_free`` has let pass, as that of a laboratory."""
    if not (folder / MARK).exists():
        write_text(folder / MARK, "A laboratory of lmcompare: 'lmcompare lab' writes here.\n")


def see_that_it_is_there(folder: Path) -> None:
    """Raise ``LmcompareError`` if there is no laboratory any more where something is to be written."""
    if not (folder / MARK).is_file():
        raise LmcompareError(moved(folder))


def path_of(folder: Path, name: str) -> Path:
    """Return the file with the findings of an experiment."""
    return folder / FINDINGS / f"{name}.json"
