"""A trained model's state on disk: safetensors and JSON, never pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare.errors import PluginError, one_line
from lmcompare.model import State
from lmcompare.runfolder.files import read_object, unreadable, write_aside, write_json
from lmcompare.runfolder.layout import STATE_FILES

ARRAYS, VALUES = STATE_FILES


def save_state(state: State, folder: Path) -> None:
    """Write a model's arrays and values into ``folder``.

    Raises ``PluginError`` for a value that is not a state or contains what can't be stored, and ``LmcompareError`` as
    ``write_aside`` does.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    _check_state(state)
    arrays = {name: np.ascontiguousarray(array) for name, array in state.arrays.items()}

    def write(aside: Path) -> None:
        try:
            save_file(arrays, aside)
        except SafetensorError as error:  # a full disk says so too
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
        arrays = load_file(path)
    except (OSError, SafetensorError) as error:
        raise unreadable(path, error) from None
    return State(arrays, read_object(folder / VALUES))
