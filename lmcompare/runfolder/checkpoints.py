"""Where trainings leave checkpoints: in ``.NAME.checkpoints/<model>/<seed>/<key>/`` beside the run folder NAME.

A plug-in knows the path of its checkpoints: in the run folder, the cells of other models would be a few steps away.
They are on the disk of the run folder, which has room for them, and outlive a restart of the machine.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from lmcompare.runfolder.guards import refuse_link, remove_if_empty

_KEY = re.compile(r"[0-9a-f]{16}")  # the name of a training's folder, whose files are all written by the plug-in


def checkpoints_of(folder: Path) -> Path:
    """Return the folder for all checkpoints of a run."""
    folder = folder.resolve()
    return folder.with_name(f".{folder.name}.checkpoints")


def make_room(folder: Path) -> str:
    """Make the folder for all checkpoints of a run; return a sentence for the user if that is impossible, else ""."""
    root = checkpoints_of(folder)
    refuse_link(root)
    try:
        root.mkdir(exist_ok=True)
        why = "" if os.access(root, os.W_OK) else "no permission to write there"
    except OSError as error:
        why = error.strerror or str(error)
    return why and (
        f"The folder for checkpoints, {root}, can't be used ({why}): a training that is interrupted will start again "
        "from its beginning, unless --out is in a folder that can be written to."
    )


def own_room(checkpoints: Path) -> Path | None:
    """Make the folder for the checkpoints of a key and remove those of other keys; None if the run has no room."""
    for path in (checkpoints, *checkpoints.parents[:3]):
        refuse_link(path)
    root = checkpoints.parents[2]
    if not (root.is_dir() and os.access(root, os.W_OK)):
        return None
    checkpoints.mkdir(parents=True, exist_ok=True)
    for other in checkpoints.parent.iterdir():
        if other != checkpoints:
            remove(other)
    return checkpoints


def remove(path: Path) -> int:
    """Remove the checkpoints in a folder and return their bytes; no link is followed, and other files stay."""
    if path.is_symlink() or path.parent.is_symlink() or not path.is_dir():
        return 0
    if not _KEY.fullmatch(path.name):
        size = sum(map(remove, list(path.iterdir())))
        remove_if_empty(path)
        return size
    size = sum(Path(place, name).lstat().st_size for place, _, files in os.walk(path) for name in files)
    shutil.rmtree(path)
    return size


def tidy(folder: Path) -> None:
    """Remove the empty folders for checkpoints of a run."""
    for place, _, _ in os.walk(checkpoints_of(folder), topdown=False):
        with suppress(OSError):  # empty folders do no harm
            remove_if_empty(Path(place))
