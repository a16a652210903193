"""What is wrong in an experiment file, said in its own terms instead of the validator's."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic_core import to_jsonable_python

from lmcompare.errors import suggest

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

TableAt = Callable[[Sequence[int | str]], tuple[str, list[str]]]

_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")
NOUNS = {"models": "the model", "published": "the published figure"}

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
    "int_parsing_size": "a whole number below 1e18",
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


def truths_apart(cls: Any, value: Any, info: ValidationInfo) -> Any:
    """Return a value of a field; as a validator of pydantic, refuse true for a number, and a number for true."""
    annotation = cls.__pydantic_fields__[info.field_name].annotation
    kinds = [
        getattr(kind, "__origin__", kind) for kind in (annotation, *get_args(annotation))
    ]  # int of Annotated[int]
    if isinstance(value, bool) and (int in kinds or float in kinds):
        raise ValueError("must be a number, not true or false")
    if isinstance(value, int | float) and not isinstance(value, bool) and annotation is bool:
        raise ValueError("must be true or false, not a number")
    return value


def check_depth(options: Mapping[str, Any] | None) -> None:
    """Raise ``ValueError`` if an option of a plug-in is nested too deeply to be stored, or contains itself."""
    for key, option in (options or {}).items():
        try:
            to_jsonable_python(option, fallback=lambda _: None)
        except ValueError:
            raise ValueError(f"{key} is nested too deeply to be stored: give a flatter value") from None


def sentence(error: ValidationError, table_at: TableAt, given: Any) -> str:
    """Return the first fault as a sentence; a wrong key comes with the nearest right one.

    Parameters
    ----------
    error : ValidationError
    table_at : callable
        From a place to the table's name as written in the file and the keys that it takes.
    given : object
        What was validated: its models and published figures are called by their names.
    """
    first, *others = error.errors()
    misspelt = (f for f in others if f["type"] in _UNKNOWN_KEY and f["loc"][:-1] == first["loc"][:-1])
    fault = next(misspelt, first) if first["type"] == "missing" else first
    place = fault["loc"]
    if fault["type"] not in (*_UNKNOWN_KEY, "missing"):
        message = _of_value(fault)
        if message.startswith("must "):
            return f"{_where(place, given) if place else 'this'} {message}"
        return f"{_where(place, given)}: {message}" if place else message
    table, known = table_at(place[:-1])
    table = _where(place[:-1], given) if place[:-1] and place[0] in NOUNS else table
    key = str(place[-1])
    if fault["type"] == "missing":
        return f"{table} lacks the key '{key}'"
    hint = suggest(key, known) or f"; it takes {', '.join(known)}"
    return f"unknown key '{key}' in {table}{hint}"


def _of_value(fault: ErrorDetails) -> str:
    """Return what is wrong with the value of a key."""
    kind, place, value, bounds = fault["type"], fault["loc"], fault["input"], fault.get("ctx", {})
    if kind == "literal_error":
        values = re.findall(r"'([^']*)'", str(bounds["expected"]))
        hint = (isinstance(value, str) and suggest(value, values)) or f"; it must be one of {', '.join(values)}"
        return f"unknown value {reprlib.repr(value)}{hint}"
    if kind in _BOUNDS:
        return f"must be {_BOUNDS[kind]} {next(iter(bounds.values()))}, not {reprlib.repr(value)}"
    if kind == "too_short":
        return "must list at least one value"
    if kind not in _SHAPES:
        return str(fault["msg"]).removeprefix("Value error, ")
    how = ""
    if len(place) == 1 and kind in ("model_type", "dataclass_type"):
        how = f": write [{place[0]}], and its keys on the lines below"
    elif place in (("models",), ("published",)):
        how = f": write [[{place[0]}]] before each of them, and its keys on the lines below"
    return f"must be {_SHAPES[kind]}, not {_shape_of(value)}{how}"


def _where(place: Sequence[int | str], given: Any) -> str:
    """Return a place in the words of the file: a model by its name, anything without a name by its number from 1."""
    at = next((i for i, part in enumerate(place) if isinstance(part, int)), len(place))
    listed = ".".join(map(str, place[:at]))
    if at == len(place):
        return listed
    name = None
    if listed in NOUNS:
        entry = given[listed][place[at]]
        name = (entry.get("name") or entry.get("plugin")) if isinstance(entry, Mapping) else None
        listed = f"[[{listed}]]"
    whose = (
        f"{NOUNS[str(place[0])]} '{name}'" if isinstance(name, str) else f"number {int(place[at]) + 1} of {listed}"
    )
    rest = ".".join(map(str, place[at + 1 :]))
    return f"{rest} of {whose}" if rest else whose


def _shape_of(value: Any) -> str:
    """Return a wrong value as the user wrote it, or what it is where that is long."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    return repr(value) if isinstance(value, str | int | float | bool | None) else f"a {type(value).__name__}"


class Table(BaseModel):
    """A table of the file: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    _truths_apart = field_validator("*", mode="before")(truths_apart)
