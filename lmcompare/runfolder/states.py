"""A trained model's state on disk: safetensors and JSON, never pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from lmcompare.errors import PluginError, one_line
from lmcompare.model import LanguageModel, State
from lmcompare.runfolder.files import RunFolderError, read_object, unreadable, write_aside, write_json
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
