"""Seals and locks: whether the files of a folder are as they were written, and who is writing to it."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from lmcompare.errors import LmcompareError, cannot_write, moved, ordinary
from lmcompare.runfolder.files import (
    REMEDY,
    NoPermissionError,
    RunFolderError,
    read_object,
    write_json,
    write_text,
)
from lmcompare.runfolder.layout import SEAL


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
