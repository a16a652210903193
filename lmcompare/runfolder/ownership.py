"""Which files of a run folder are lmcompare's: it replaces and removes no others, and writes through no link."""

from __future__ import annotations

import os
import re
import reprlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lmcompare.errors import LmcompareError, moved
from lmcompare.run_mark import is_run_folder
from lmcompare.runfolder.files import RunFolderError, write_text
from lmcompare.runfolder.layout import (
    CELL_FILES,
    CELLS,
    CHARTS,
    FORECASTS,
    FRACTIONS,
    JOINED,
    LAB,
    LAB_MARK,
    LOG,
    MANIFEST,
    MARK,
    PROBES,
    REPORT_FILES,
    SEAL,
    TOKENS,
    TOKENS_FILES,
    TRIAL_FILES,
    TRIALS,
)
from lmcompare.runfolder.probed import probed_in

OF_CELL = frozenset((*CELL_FILES, *TRIAL_FILES, SEAL, LOG, "model/trained.json", f"model/{SEAL}"))
OF_TOKENS = frozenset((*TOKENS_FILES, SEAL))
OF_RUN = (
    *(MARK, MANIFEST, SEAL, TOKENS, CELLS, TRIALS, FRACTIONS, FORECASTS, JOINED),
    *(".lock", ".holder", CHARTS, *REPORT_FILES),
)
LONGEST_NAME = 240  # bytes; file systems have 255, and the folder of checkpoints beside it has 13 more
_PROBED = re.compile(rf"{PROBES}/[^/]+\.json")
_TEMPORARY = re.compile(r"\.(.+)\.[a-z0-9_]{8}")  # a file that a killed process had not finished


def claim(folder: Path) -> None:
    """Make a new or empty folder a run folder, or see that it is one. Raises as ``check_free`` does."""
    check_free(folder)
    if not (folder / MARK).exists():
        write_text(folder / MARK, "A run of lmcompare: 'lmcompare run' and 'lmcompare report' write here.\n")


def see_that_it_is_there(folder: Path) -> None:
    """Raise ``LmcompareError`` if the run folder was moved or removed before a run writes to it."""
    if not is_run_folder(folder):
        raise LmcompareError(moved(folder))


def check_free(folder: Path) -> None:
    """See that a folder is a run folder or can become one; hidden files may be in it.

    Raises
    ------
    LmcompareError
        If it is a file or has other files or links in it, cannot be written to, or has a report of several runs. A
        laboratory may be in it.
    """
    if "\0" in str(folder):
        raise LmcompareError(f"{str(folder)!r} can't be the name of a folder: choose another --out")
    if len(os.fsencode(folder.resolve().name)) > LONGEST_NAME:
        raise LmcompareError(
            f"the name of the folder {reprlib.repr(str(folder))} is too long, since files beside it get longer names:"
            f" choose one of at most {LONGEST_NAME} bytes as --out"
        )
    if folder.exists() and not folder.is_dir():
        raise LmcompareError(f"{folder} is a file, not a folder: choose another --out")
    if (folder / JOINED).exists():
        raise LmcompareError(f"{folder} holds a report of several runs: choose another --out")
    if folder.is_dir() and not is_run_folder(folder):
        theirs = {*LAB, CHARTS} if (folder / LAB_MARK).is_file() else set()
        there = {path.name for path in folder.iterdir()} - theirs
        refuse_others(folder, [name for name in there if name in OF_RUN or not name.startswith(".")])
    refuse_links(folder)


def refuse_others(folder: Path, others: Collection[str]) -> None:
    """Raise ``LmcompareError`` if there are files that lmcompare did not write."""
    if others:
        raise LmcompareError(f"{folder} contains other files ({min(others)}): choose a new or empty folder as --out")


def refuse_place_in_run(file: Path) -> None:
    """Raise ``LmcompareError`` if a path that the user names lies in the folders of a run's cells or tokens."""
    file = file.absolute()
    for folder in file.parents:
        if file.relative_to(folder).parts[0] in (CELLS, TRIALS, FRACTIONS, TOKENS) and is_run_folder(folder):
            raise LmcompareError(f"{file} is among the files of the run in {folder}: choose another place")


def target_of(file: Path, replace: bool) -> Path:
    """Return where to write a file that the user names: the file itself, or the one behind the user's own link.

    Raises
    ------
    LmcompareError
        If it is a folder, pipe or device, is there already and may not be replaced, or is among the files of a run.
    """
    if file.is_dir():
        raise LmcompareError(f"{file} is a folder that exists already: choose another name")
    if file.exists() and not file.is_file():
        raise LmcompareError(f"{file} is a pipe or a device, not a file: choose another name")
    if os.path.lexists(file) and not replace:
        raise LmcompareError(
            f"{file} is there already: choose another name, or replace it with --force (force=True in Python)"
        )
    refuse_place_in_run(file)
    return file.resolve() if file.is_symlink() else file


def refuse_links(folder: Path) -> None:
    """Raise ``RunFolderError`` if lmcompare could write through a link in a run folder, to files elsewhere."""
    for path in _may_be_written(folder):
        refuse_link(path)


def refuse_link(path: Path) -> None:
    """Raise ``RunFolderError`` if a path is a symbolic link."""
    if path.is_symlink():
        raise RunFolderError(f"{path} is a link, and writing would change what it leads to: remove the link")


def _may_be_written(folder: Path) -> Iterator[Path]:
    yield from (folder / name for name in OF_RUN)
    for top in (folder / TOKENS, folder / CELLS, folder / TRIALS, folder / FORECASTS):
        for place, folders, files in os.walk(top):
            yield from (Path(place, name) for name in (*folders, *files))


@dataclass
class Removed:
    """What was removed: its bytes, and the files and links that are left because lmcompare did not write them."""

    size: int = 0
    left: list[Path] = field(default_factory=list)


def remove_written(root: Path, written: Collection[str] = OF_CELL, within: str = "") -> Removed:
    """Remove the files that lmcompare wrote into a folder, and the folders that are empty then; follow no link.

    Parameters
    ----------
    root : Path
        The folder of a cell or of tokens.
    written : collection of str
        The files that lmcompare writes there, relative to ``root``.
    within : str
        The folder in ``root`` that is gone through; "" for all.
    """
    removed = Removed()
    top = root / within
    if top.is_symlink():
        removed.left.append(top)
        return removed
    for place, folders, files in os.walk(top, topdown=False):
        for name in (*files, *folders):
            item = Path(place, name)
            relative = item.relative_to(root).as_posix()
            if item.is_dir() and not item.is_symlink():
                remove_if_empty(item)
            elif not item.is_symlink() and (_is_written(relative, written) or _is_probed(item, relative)):
                removed.size += item.lstat().st_size
                item.unlink()
            else:
                removed.left.append(item)
    remove_if_empty(top)
    return removed


def remove_begun(root: Path, written: Collection[str] = OF_CELL) -> None:
    """Remove what a killed process had begun to write in the folder of a cell or of a run, and not finished.

    The caller has the lock of the run folder, so that no other process is writing there.
    """
    for path in root.rglob(".*") if any("/" in name for name in written) else root.glob(".*"):
        begun = _TEMPORARY.fullmatch(path.name) and _is_written(path.relative_to(root).as_posix(), written)
        if begun and path.is_file() and not path.is_symlink():
            path.unlink()


def _is_written(relative: str, written: Collection[str]) -> bool:
    """Return whether lmcompare writes a file of this name."""
    parent, _, name = relative.rpartition("/")
    begun = _TEMPORARY.fullmatch(name)
    whole = relative if begun is None else f"{parent}/{begun[1]}".lstrip("/")
    return whole in written or (begun is not None and _PROBED.fullmatch(whole) is not None)


def _is_probed(path: Path, relative: str) -> bool:
    """Return whether a file has the answers to minimal pairs; the pairs, and so the file, may have any name."""
    return _PROBED.fullmatch(relative) is not None and probed_in(path) is not None


def remove_if_empty(path: Path) -> None:
    """Remove a folder if nothing is in it."""
    if path.exists() and not any(path.iterdir()):
        path.rmdir()
