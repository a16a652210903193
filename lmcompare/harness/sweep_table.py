"""The tables ``[sweep]`` and ``[search]`` of an experiment file: what is varied, and how settings are proposed."""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from lmcompare.harness.faults import check_depth, truths_apart

MOST = 1000  # settings of one model: each of them is trained


@dataclass(frozen=True)
class Range:
    """All numbers from ``low`` to ``high``: whole ones if both are whole; on a logarithmic scale if ``log``."""

    low: float
    high: float
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether its numbers are whole."""
        return isinstance(self.low, int) and isinstance(self.high, int)


Values = tuple[Any, ...] | Range
Space = dict[str, Values]  # by what is varied, the values that it may have


class SearchTable(BaseModel):
    """``[search]``: how the settings of a sweep are proposed, where not all of a grid are tried.

    ``trials`` settings of each model are proposed: at random, or by TPE, which learns from the figures of earlier
    ones; it proposes ``batch`` at a time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["random", "tpe"]
    trials: int = Field(default=30, ge=1, le=MOST)
    batch: int = Field(default=5, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**32)

    _truths_apart = field_validator("*", mode="before")(truths_apart)


def space_of(model: str, table: Mapping[str, Any]) -> Space:
    """Return what is varied of a model. Raises ``ValueError`` for a key that can't be varied."""
    flat: dict[str, Any] = {}
    for key, values in table.items():
        inner = key == "tokens" and isinstance(values, Mapping)
        flat |= {f"tokens.{option}": each for option, each in values.items()} if inner else {key: values}
    return {key: _values(model, key, values) for key, values in flat.items()}


def _values(model: str, key: str, given: Any) -> Values:
    if key in ("plugin", "name"):
        raise ValueError(
            f"{key} of '{model}' is not a hyper-parameter: to compare several, give each as a model of its own"
        )
    if key == "fraction":
        raise ValueError(
            f"the amount of training text of '{model}' can't be swept: to see what more text brings, give --fractions"
            " 0.1,0.3,1"
        )
    check_depth({key: given})
    if isinstance(given, Range):
        return given
    if isinstance(given, Mapping):
        return _range(model, key, given)
    if not isinstance(given, list | tuple):
        raise ValueError(f"{key} of '{model}' is {given!r}: give a list of values, or {{ low = …, high = … }}")
    distinct = {json.dumps(value, default=str): value for value in given}
    if len(distinct) < 2:
        raise ValueError(f"{key} of '{model}' has fewer than two values: give several, or a single one with --set")
    if key == "seed" and not all(type(seed) is int and 0 <= seed < 2**32 for seed in given):
        raise ValueError(f"the seeds of '{model}' must be whole numbers from 0 to 4294967295")
    return tuple(distinct.values())


def _range(model: str, key: str, table: Mapping[str, Any]) -> Range:
    what = f"{key} of '{model}'"
    if not {"low", "high"} <= set(table) <= {"low", "high", "log"}:
        raise ValueError(
            f"{what} is {reprlib.repr(dict(table))}: a range has low and high, and log = true for a logarithmic scale"
        )
    if key == "seed" or key.partition(".")[0] == "tokens":
        raise ValueError(f"{what} can't be a range: give a list of values")
    low, high, log = table["low"], table["high"], table.get("log", False)
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (low, high))
    if not numbers or not math.isfinite(low) or not math.isfinite(high) or not low < high:
        raise ValueError(f"{what} has a range from {low!r} to {high!r}: give two numbers, the smaller one as low")
    if not isinstance(log, bool):
        raise ValueError(f"log of {what} is {log!r}: give true or false")
    if log and low <= 0:
        raise ValueError(f"{what} has a logarithmic range from {low!r}: give a low above 0")
    return Range(low, high, log)
