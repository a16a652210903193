"""What is wrong in an experiment file, said in its own terms instead of the validator's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from lmcompare.errors import suggest

TableAt = Callable[[Sequence[int | str]], tuple[str, list[str]]]

_SHAPES = {
    "model_type": "a table",
    "dataclass_type": "a table",
    "dict_type": "a table",
    "tuple_type": "a list",
    "string_type": "a text in quotes",
    "string_unicode": "a text in valid UTF-8",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}
_BOUNDS = {
    "greater_than_equal": "at least",
    "greater_than": "above",
    "less_than_equal": "at most",
    "less_than": "below",
}


def sentence(error: ValidationError, table_at: TableAt) -> str:
    """Return the first fault as a sentence; a wrong key comes with the nearest right one.

    ``table_at``: from a place to the table's name as written in the file and the keys that it takes.
    """
    fault = error.errors()[0]
    kind, place, given = fault["type"], [str(p) for p in fault["loc"]], fault["input"]
    bounds = fault.get("ctx", {})
    message = str(fault["msg"]).removeprefix("Value error, ")
    if kind in ("extra_forbidden", "unexpected_keyword_argument", "missing"):
        table, known = table_at(fault["loc"][:-1])
        if kind == "missing":
            return f"{table} lacks the key '{place[-1]}'"
        hint = suggest(place[-1], known) or f"; it takes {', '.join(known)}"
        return f"unknown key '{place[-1]}' in {table}{hint}"
    if kind == "literal_error":
        values = re.findall(r"'([^']*)'", str(bounds["expected"]))
        hint = (isinstance(given, str) and suggest(given, values)) or f"; it is one of {', '.join(values)}"
        message = f"unknown value {given!r}{hint}"
    elif kind in _SHAPES:
        message = f"this is {_SHAPES[kind]}, not {_shape_of(given)}"
        if kind in ("model_type", "dataclass_type") and len(place) == 1:
            message += f": write [{place[0]}], and its keys on the lines below"
    elif kind in _BOUNDS:
        message = f"this is {_BOUNDS[kind]} {next(iter(bounds.values()))}, not {given!r}"
    elif kind == "too_short":
        message = "this lists at least one"
    return f"{'.'.join(place)}: {message}" if place else message


def _shape_of(given: Any) -> str:
    """Return a wrong value as the user wrote it, or what it is where that is long."""
    if isinstance(given, Mapping):
        return "a table"
    if isinstance(given, list | tuple):
        return "a list"
    return repr(given) if isinstance(given, str | int | float | bool | None) else f"a {type(given).__name__}"
