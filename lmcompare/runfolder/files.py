"""Files that appear whole or not at all, and one clear sentence for each that cannot be read."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmcompare.errors import LmcompareError, cannot_write, no_permission, ordinary

if TYPE_CHECKING:
    import pandas as pd

REMEDY = "repeat the lmcompare run that wrote it"  # the run makes damaged and missing files again


class RunFolderError(LmcompareError):
    """A run folder, or one of its files, cannot be read."""


class NoPermissionError(RunFolderError):
    """The user may not read a file of a run folder, so that its content is not known."""

    def __init__(self, path: Path) -> None:
        super().__init__(no_permission(path))


def write_aside(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file beside ``path``, then rename it into place.

    Raises ``LmcompareError`` where the folder can't be written to or has no space left.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        aside = Path(name)
        try:
            write(aside)
            aside.chmod(0o666 & ~umask())  # mkstemp makes files that only their owner can read
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
    except (OSError, RecursionError) as error:
        raise LmcompareError(cannot_write(path, error)) from error


def write_folder_aside(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a folder beside ``path``, which is not there, then rename it. Raises as ``write_aside``."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            write(aside)
            aside.chmod(0o777 & ~umask())  # mkdtemp makes folders that only their owner can enter
            for file in aside.iterdir():
                file.chmod(0o666 & ~umask())  # safetensors makes such files, too
            aside.rename(path)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise LmcompareError(cannot_write(path, error)) from error


_ASKING = threading.Lock()  # the umask can be read only by changing it: two threads at once would leave 0


def umask() -> int:
    """Return the umask: the permissions that new files of this process do not get."""
    with _ASKING:
        mask = os.umask(0)
        os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file in one piece; half a surrogate pair, as in a file name, is written as its escape."""
    write_aside(path, lambda aside: aside.write_text(text, "utf-8", "backslashreplace", "\n"))


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file in one piece. NaN and infinities are refused: they are not JSON."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Return the JSON value of a file. Raises ``RunFolderError`` where it is missing or broken."""
    try:
        return json.loads(ordinary(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise unreadable(path, error) from None


def read_object(path: Path, *keys: str) -> dict[str, Any]:
    """Return the JSON object of a file that has at least these keys. Raises ``RunFolderError`` where it has not."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise RunFolderError(f"{path} does not contain a JSON object: {REMEDY}")
    missing = [key for key in keys if key not in value]
    if missing:
        raise RunFolderError(f"{path} lacks '{missing[0]}': {REMEDY}")
    return value


def read_list(path: Path) -> list[Any]:
    """Return the JSON array of a file. Raises ``RunFolderError`` where it holds none."""
    value = read_json(path)
    if not isinstance(value, list):
        raise RunFolderError(f"{path} does not contain a JSON array: {REMEDY}")
    return value


def read_csv(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Return a CSV table that has at least these columns. Raises ``RunFolderError`` where it has not."""
    import pandas as pd

    try:
        with ordinary(path).open("rb") as file:  # of a path, pandas would expand a tilde
            frame = pd.read_csv(file)
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise unreadable(path, error) from None
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise RunFolderError(f"{path} has no column '{missing[0]}': {REMEDY}")
    return frame


def no_formula(cell: Any) -> Any:
    """Return a cell of a CSV table; an apostrophe keeps a spreadsheet from taking a text for a formula."""
    if not isinstance(cell, str) or not cell.startswith(("=", "+", "-", "@")):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def unreadable(path: Path, error: Exception) -> RunFolderError:
    """Return the error of a file that is missing or cannot be read."""
    if isinstance(error, PermissionError):
        return NoPermissionError(path)
    if not path.exists():
        return RunFolderError(f"{path} is missing: {REMEDY}")
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return RunFolderError(f"{path} is damaged ({reason}): {REMEDY}")
