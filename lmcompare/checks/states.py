"""Comparing two states bit by bit."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from lmcompare.model import State


def state_difference(one: State, other: State) -> str:
    """Return what first differs between two states, "" if nothing does."""
    if sorted(one.arrays) != sorted(other.arrays):
        return f"one has the arrays {', '.join(sorted(one.arrays))}, the other {', '.join(sorted(other.arrays))}"
    for name in sorted(one.arrays):
        a, b = np.asarray(one.arrays[name]), np.asarray(other.arrays[name])
        if a.dtype != b.dtype or a.shape != b.shape:
            return f"array '{name}' is {a.dtype}{list(a.shape)} in one and {b.dtype}{list(b.shape)} in the other"
        if a.tobytes() != b.tobytes():
            places = int(np.count_nonzero(a != b))
            return f"array '{name}' differs at {places:,} of {a.size:,} places"
    if _text(one.values) != _text(other.values):
        unlike = [k for k in {*one.values, *other.values} if _text(one.values.get(k)) != _text(other.values.get(k))]
        return f"the value '{sorted(unlike)[0]}' differs"
    return ""


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=repr)
