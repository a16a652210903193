"""What a fitted plug-in has learnt, in a form that can be stored without pickle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt


@dataclass(frozen=True)
class State:
    """Everything that a model or a tokenizer has learnt, without its parameters: named arrays and JSON values.

    Parameters
    ----------
    arrays : mapping of str to array
        Numbers or booleans; stored as safetensors.
    values : mapping of str to JSON value
        Strings, numbers, lists and tables; stored as JSON.
    """

    arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
