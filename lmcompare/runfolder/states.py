"""What a training leaves on disk: the state of the trained model, and checkpoints of one that is not at its end.

States are safetensors and JSON, never pickle. Checkpoints are in ``.NAME.checkpoints/<model>/<seed>/<key>/`` beside
the run folder NAME: a plug-in knows the path of its own, and in the run folder, the cells of other models would be a
few steps away. There they are on the disk of the run folder, which has room for them, and outlive a restart of the
machine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from lmcompare.errors import PluginError, one_line
from lmcompare.model import LanguageModel, State
from lmcompare.runfolder.files import RunFolderError, read_object, unreadable, write_aside, write_json
from lmcompare.runfolder.guards import refuse_link, remove_if_empty
from lmcompare.runfolder.layout import STATE_FILES
from lmcompare.state import DamagedStateError, mapped_file

M = TypeVar("M", bound=LanguageModel)

ARRAYS, VALUES = STATE_FILES
MAPPED_FROM = 2**25
"""A file of this many bytes or more is mapped into memory, so that its arrays are read where they are needed."""


def save_state(state: State, folder: Path) -> None:
    """Write a model's arrays and values into ``folder``.

    Raises ``PluginError`` for a value that is not a state or contains what can't be stored, and ``LmcompareError`` as
    ``write_aside`` does.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    _check_state(state)
    arrays = {name: np.asarray(array, order="C") for name, array in state.arrays.items()}

    def write(aside: Path) -> None:
        try:
            save_file(arrays, aside)
        except SafetensorError as error:  # also the error of a full disk
            raise OSError(one_line(error)) from error

    write_aside(folder / ARRAYS, write)
    write_json(folder / VALUES, dict(state.values))


def _check_state(state: Any) -> None:
    if not isinstance(state, State):
        raise PluginError(f"state() returned a {type(state).__name__}: return lmcompare.State(arrays, values)")
    for name, array in state.arrays.items():
        if np.asarray(array).dtype.kind not in "biuf":
            raise PluginError(
                f"state() holds the array '{name}' of {np.asarray(array).dtype}, which can't be stored: arrays hold "
                "numbers or truth values; put texts and tables into its values"
            )
    try:
        json.dumps(dict(state.values), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise PluginError(f"state() holds values that JSON can't hold ({error}): put numbers into arrays") from None


def load_state(folder: Path) -> State:
    """Return the state that ``save_state`` wrote. Raises ``RunFolderError`` for a missing or broken file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = folder / ARRAYS
    try:
        arrays = load_file(path) if path.stat().st_size < MAPPED_FROM else mapped_file(path)[0]
    except (OSError, SafetensorError, DamagedStateError) as error:
        raise unreadable(path, error) from None
    return State(arrays, read_object(folder / VALUES))


def restored(model: M, folder: Path) -> M:
    """Return the model with the state that ``save_state`` wrote into ``folder``.

    Raises ``RunFolderError`` as ``load_state`` does, and for a state that the model did not write, and whatever the
    code of the model raises.
    """
    try:
        return model.restore(load_state(folder))
    except DamagedStateError as error:
        raise RunFolderError(
            f"{folder} does not hold the model that the run trained ({error}): run the experiment again"
        ) from None


_KEY = re.compile(r"[0-9a-f]{16}")  # the name of a training's folder, whose files are all written by the plug-in


def checkpoints_of(folder: Path) -> Path:
    """Return the folder for all checkpoints of a run."""
    folder = folder.resolve()
    return folder.with_name(f".{folder.name}.checkpoints")


def make_room_for_checkpoints(folder: Path) -> str:
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
            remove_checkpoints(other)
    return checkpoints


def remove_checkpoints(path: Path) -> int:
    """Remove the checkpoints in a folder and return their bytes; no link is followed, and other files stay."""
    if path.is_symlink() or path.parent.is_symlink() or not path.is_dir():
        return 0
    if not _KEY.fullmatch(path.name):
        size = sum(map(remove_checkpoints, list(path.iterdir())))
        remove_if_empty(path)
        return size
    size = sum(Path(place, name).lstat().st_size for place, _, files in os.walk(path) for name in files)
    shutil.rmtree(path)
    return size


def tidy_checkpoints(folder: Path) -> None:
    """Remove the empty folders for checkpoints of a run."""
    for place, _, _ in os.walk(checkpoints_of(folder), topdown=False):
        with suppress(OSError):  # empty folders do no harm
            remove_if_empty(Path(place))
