"""Altered arrays of a model's state, as a stranger could store them with right checksums, and what a model does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.errors import LmcompareError, blamed_on
from lmcompare.model import LanguageModel, State
from lmcompare.tokens import Encoded
from lmcompare.trained import check_sums

Array = npt.NDArray[Any]


def altered(state: State, random: np.random.Generator) -> State:
    """The state with one array altered: other values, another order, length, shape or type, or no such array."""
    arrays = {name: np.array(array) for name, array in state.arrays.items()}
    name = str(random.choice(sorted(arrays)))
    harm = random.choice(["values", "values", "values", "order", "length", "shape", "type", "missing"])
    array = arrays.pop(name)
    if harm == "values" and array.size:
        places = random.integers(0, array.size, random.choice([1, 3, array.size]))
        array.reshape(-1)[places] = _odd(array, random, len(places))
    elif harm == "order" and array.size:
        array = random.permutation(array) if random.random() < 0.5 else array[::-1]
    elif harm == "length":
        array = array[None] if not array.ndim else array
        array = (array[:-1], array[1:], array[:0], np.concatenate([array, array]))[random.integers(4)]
    elif harm == "shape":
        array = (array.T, array.reshape(-1), array[None])[random.integers(3)]
    elif harm == "type":
        with np.errstate(all="ignore"):
            array = array.astype(random.choice(["i4", "i8", "u8", "f4", "f8", "f2", "?", "u1", "i1"]))
    if harm != "missing":
        arrays[name] = np.ascontiguousarray(array)
    return State(arrays, state.values)


def _odd(array: Array, random: np.random.Generator, n: int) -> Array:
    """Values that an array of this kind should not have, or has elsewhere."""
    size = array.size
    if array.dtype.kind == "f":
        odd = [0, -1, 1, -0.5, 1.5, np.nan, np.inf, -np.inf, 1e-30, 65504, float(np.finfo(array.dtype).max)]
    elif array.dtype.kind == "b":
        odd = [False, True]
    else:
        most = np.iinfo(array.dtype)
        largest = int(array.max())
        odd = [-1, 0, 1, 2, size - 1, size, size + 1, largest, largest + 1, 2**30 + 7, most.min, most.max]
        odd = [value for value in odd if most.min <= value <= most.max]
    if random.random() < 0.2:
        return random.choice(array.reshape(-1), n)
    with np.errstate(all="ignore"):
        return np.array([odd[i] for i in random.integers(0, len(odd), n)]).astype(array.dtype)


def answer(make: Callable[[], LanguageModel], state: State, text: Encoded, *, truthful: bool) -> str:
    """What a model says that is restored from a state: an error's sentence, or "" if it scores the text.

    ``truthful``: whether its probabilities summed to one before.

    Raises ``AssertionError`` where a compiled loop would have left its arrays, which it says under
    ``NUMBA_BOUNDSCHECK``, and for scores that are no log-probabilities.
    """
    at = np.array([0, len(text) // 2, len(text)])
    try:
        with blamed_on("restore"), np.errstate(all="ignore"):
            model = make().restore(state)
            if truthful:
                check_sums(model, text.vocabulary, Path("model"))
            scores, rows = model.log_probs(text), model.next_log_probs(text, at)
            stepper = model.stepper(text.ids[:5], text.vocabulary)
            stepper.push(int(text.ids[5]))
            best, _ = stepper.top_k(3)
    except LmcompareError as error:
        if str(error.__cause__) == "index is out of bounds":
            raise AssertionError("a compiled loop left its arrays") from error
        return str(error)
    assert scores.shape == (len(text),)
    assert rows.shape == (len(at), len(text.vocabulary))
    assert np.all((best >= 0) & (best < len(text.vocabulary)))
    return ""
