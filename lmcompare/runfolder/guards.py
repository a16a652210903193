"""What keeps a run folder whole: whose its files are, whether they are as written, and who is writing to it.

Only files that lmcompare wrote are replaced and removed, and nothing is written through a link. The cell that
replaces a finished one is trained beside it, in ``cells/<model>/<seed>.new``, and takes its place when it is finished
itself. Until then the finished cell can be used.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import reprlib
import socket
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lmcompare.errors import LmcompareError, cannot_write, moved, ordinary
from lmcompare.run_mark import is_run_folder
from lmcompare.runfolder.files import (
    REMEDY,
    NoPermissionError,
    RunFolderError,
    read_object,
    write_json,
    write_text,
)
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
    READ,
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
    *(MARK, MANIFEST, SEAL, READ, TOKENS, CELLS, TRIALS, FRACTIONS, FORECASTS, JOINED),
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


def seal(folder: Path, names: Iterable[str]) -> None:
    """Write the digests of these files of a folder, by which ``damage`` recognises them."""
    write_json(folder / SEAL, {name: _digest(folder / name) for name in names})


def damage(folder: Path, names: Iterable[str]) -> str | None:
    """Return the first of these files that differs from what was sealed in the folder; None if all are the same.

    A file that is missing, and every file of a folder without a seal, counts as damaged. Raises ``NoPermissionError``
    for a file that the user may not read.
    """
    try:
        digests = read_object(folder / SEAL)
    except NoPermissionError:
        raise
    except RunFolderError:
        return SEAL
    for name in names:
        try:
            if digests.get(name) != _digest(folder / name):
                return name
        except PermissionError:
            raise NoPermissionError(folder / name) from None
        except OSError:
            return name
    return None


def check_sealed(folder: Path, names: Sequence[str]) -> None:
    """Raise ``RunFolderError`` if one of these files of a folder is not as it was sealed.

    A folder whose seal is lost is not refused: its files can be read, and are said to be unverified.
    """
    if is_sealed(folder) and (damaged := damage(folder, names)) is not None:
        lost = "damaged" if (folder / damaged).is_file() else "missing"
        raise RunFolderError(f"{folder / damaged} is {lost}: {REMEDY}")


def require_seal(folder: Path) -> None:
    """Raise ``RunFolderError`` for a folder whose files cannot be verified."""
    if not is_sealed(folder):
        raise RunFolderError(f"{folder / SEAL} is missing, so its files can't be verified: {REMEDY}")


def is_sealed(folder: Path) -> bool:
    """Return whether the folder has a seal: whether it was finished once."""
    return (folder / SEAL).is_file()


def _digest(path: Path) -> str:
    with ordinary(path).open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


@contextmanager
def locked(folder: Path) -> Iterator[Callable[[], None]]:
    """Lock a folder for this process.

    Yields
    ------
    callable
        Raises ``LmcompareError`` if the folder of this name is another one now, or none: nothing may be written
        there.

    Raises
    ------
    LmcompareError
        With the other process's id, while it has the lock; if the folder can't be written to.
    """
    from filelock import FileLock, Timeout

    lock, holder = FileLock(folder / ".lock"), folder / ".holder"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        who = ""
        with suppress(OSError):  # the other process may have removed it
            who = f" ({ordinary(holder).read_text(encoding='utf-8').strip()})"
        raise LmcompareError(f"another process is writing to {folder}{who}: wait until it is done") from None
    except OSError as error:
        raise LmcompareError(cannot_write(folder, error)) from error
    place = folder.absolute()  # stays valid if the working directory is moved
    own = place.lstat()  # lstat: a link in its place is another folder, wherever it leads

    def is_same() -> bool:
        try:
            return os.path.samestat(own, place.lstat())
        except OSError:
            return False

    def see_that_it_is_the_same() -> None:
        if not is_same():
            raise LmcompareError(moved(folder))

    try:
        since = datetime.now(UTC).isoformat(" ", "seconds")
        try:
            write_text(holder, f"process {os.getpid()} on {socket.gethostname()}, since {since}\n")
        except LmcompareError as error:
            full = isinstance(error.__cause__, OSError) and error.__cause__.errno in (errno.ENOSPC, errno.EDQUOT)
            if not full:  # without room, 'lmcompare clean' can make some
                raise
        yield see_that_it_is_the_same
    finally:
        if is_same():
            holder.unlink(missing_ok=True)
        lock.release()


NEW, OLD = ".new", ".old"  # suffixes of the folder of a replacement, and of a cell that is being replaced
SEED = re.compile("[0-9]+")


def place_of(name: str, seed: int) -> str:
    """Return the folder of a cell, relative to the run folder."""
    return f"{CELLS}/{name}/{seed}"


def read_cell(path: Path) -> dict[str, Any]:
    """Return the content of a cell's cell.json; {} if it is missing or damaged."""
    try:
        return read_object(path / "cell.json")
    except NoPermissionError:
        raise
    except RunFolderError:
        return {}


def replace_cell(path: Path) -> None:
    """Put the replacement of a finished cell, which is finished now, in the cell's folder, and remove the old one."""
    new, old = path.with_name(path.name + NEW), path.with_name(path.name + OLD)
    _remove_replaced(old, path)
    if path.exists():
        path.rename(old)
    new.rename(path)
    _remove_replaced(old, path)


def _remove_replaced(old: Path, path: Path) -> None:
    """Remove a cell that was replaced; files that lmcompare did not write are put into the cell in its place."""
    for left in remove_written(old).left:
        kept = path / left.relative_to(old)
        kept.parent.mkdir(parents=True, exist_ok=True)
        left.rename(kept)
    remove_written(old)  # only empty folders are left


def end_replacements(folder: Path) -> None:
    """Complete or undo replacements of cells that a killed run has left unfinished, so that no cell is lost."""
    for old in (folder / CELLS).glob(f"*/*{OLD}"):
        path = old.with_name(old.name.removesuffix(OLD))
        if not (SEED.fullmatch(path.name) and old.is_dir()):
            continue
        if path.exists():
            _remove_replaced(old, path)
        else:
            old.rename(path)
