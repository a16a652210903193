"""Tables of an experiment file that have rules of their own, and what is wrong in a file, said in its own terms."""

from __future__ import annotations

import json
import math
import re
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import to_jsonable_python

from lmcompare.errors import LmcompareError, suggest
from lmcompare.registry import absolute, placed
from lmcompare.tokens import TOKENIZERS, Tokenizer, table_of

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


TableAt = Callable[[Sequence[int | str]], tuple[str, list[str]]]

_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")
NOUNS = {"models": "the model", "published": "the published figure"}

_SHAPES = {
    **dict.fromkeys(("model_type", "dataclass_type", "dict_type"), "a table"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    "tuple_type": "a list",
    "string_type": "a text in quotes",
    "string_unicode": "a text in valid UTF-8",
    "int_parsing_size": "a whole number below 1e18",
    "finite_number": "a finite number",
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


LEAST_COUNT = "min_count must be at least 1, which keeps every type of the training text"


class TokensTable(Table):
    """``[tokens]``: a tokenizer, the vocabulary's limits, and the tokenizer's own options.

    If ``min_count`` is not given, it is the tokenizer's ``usual_min_count``. A string is the kind alone, such as
    "char" or "bpe:4000". The defaults of another package's tokenizer are not filled in before ``completed`` imports
    it; until then ``min_count`` may be 0.
    """

    model_config = ConfigDict(extra="allow")

    kind: str = "word"
    min_count: int = 0
    size: int | None = Field(default=None, ge=3)

    @model_validator(mode="before")
    @classmethod
    def _in_full(cls, table: Any) -> Any:
        table = {"kind": table} if isinstance(table, str) else table
        kind = table.get("kind", "word") if isinstance(table, Mapping) else None
        if not isinstance(kind, str) or _is_of_others(kind):
            return table
        try:
            named = _named(table)
        except LmcompareError as error:
            raise ValueError(str(error)) from None
        return {"min_count": TOKENIZERS.resolve(named["kind"]).usual_min_count, **table, **named}

    @model_validator(mode="after")
    def _within_reason(self) -> Self:
        check_depth(self.model_extra)
        if self.min_count < 0:
            raise ValueError(LEAST_COUNT)
        if not _is_of_others(self.kind):
            self._check(TOKENIZERS.resolve(self.kind))
        return self

    def _check(self, tokenizer: type[Tokenizer]) -> None:
        """Raise ``ValueError`` for limits of the vocabulary that the tokenizer can't have."""
        if self.min_count < 1:
            raise ValueError(LEAST_COUNT)
        if (self.min_count > 1 or self.size is not None) and tokenizer.fixed_vocabulary:
            raise ValueError(f"{self.kind} always has the same vocabulary: leave min_count and size out")

    def completed(self, folder: Path) -> TokensTable:
        """Return the table with the defaults of its tokenizer, and with the paths in it made absolute.

        For another package's tokenizer, the plug-in is imported, and the paths are relative to ``folder``. Raises
        ``LmcompareError`` if it can't be imported, or can't have these limits of the vocabulary.
        """
        if not _is_of_others(self.kind):
            return self
        named = _placed(self.model_dump(), folder)
        tokenizer = TOKENIZERS.resolve(named["kind"])
        full = self.model_copy(update={**named, "min_count": self.min_count or tokenizer.usual_min_count})
        try:
            full._check(tokenizer)
        except ValueError as error:
            raise LmcompareError(str(error)) from None
        return full

    def changed(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the table with other values; those that it has belong to its own kind of tokenizer."""
        same_kind = options.get("kind", self.kind) == self.kind
        return {**(self.model_dump() if same_kind else {}), **options}

    @property
    def tokenizer(self) -> dict[str, Any]:
        """The tokenizer's own table: the kind and its options."""
        return {"kind": self.kind, **(self.model_extra or {})}


def placed_tokens(tokens: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a table ``[tokens]`` with the paths in it made absolute: they start from the experiment file.

    ``TokensTable.completed`` does this for the files of tokenizers of other packages.
    """
    if not isinstance(tokens.get("kind"), str):
        return tokens
    table = tokens | {"kind": absolute(tokens["kind"], folder)}
    return table if _is_of_others(table["kind"]) else _placed(table, folder)


def _placed(tokens: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a table ``[tokens]`` with the paths of the tokenizer's files made absolute, from ``folder`` on."""
    table = tokens | _named(tokens)
    for name in TOKENIZERS.resolve(table["kind"]).files:
        if isinstance(table.get(name), str):
            table[name] = placed(table[name], folder)
    return table


def _is_of_others(kind: str) -> bool:
    """Return whether a tokenizer is not lmcompare's own, and is imported only in the process that reads the text."""
    name, _, option = kind.partition(":")
    if name in TOKENIZERS.installed():
        return not TOKENIZERS.is_built_in(name)
    return bool(option) and not option.isdecimal() and not kind.endswith(".json")


def _named(tokens: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the kind of a table ``[tokens]`` says. Raises ``LmcompareError`` if an option says otherwise."""
    kind = tokens.get("kind", "word")
    named = table_of(kind)
    for key, value in named.items():
        if key != "kind" and tokens.get(key, value) != value:
            raise LmcompareError(
                f"the kind {kind} sets {key} to {value}, and {key} is given as {tokens[key]}: leave one of them out"
            )
    return named


MOST_SETTINGS = 1000  # settings of one model: each of them is trained
FIGURES = 4  # significant digits of a drawn number: more would not change any figure visibly


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
Settings = list[dict[str, Any]]


class SearchTable(Table):
    """``[search]``: how the settings of a sweep are proposed, where not all of a grid are tried.

    ``trials`` settings of each model are proposed: at random, or by TPE, which learns from the figures of earlier
    ones; it proposes ``batch`` at a time.
    """

    method: Literal["random", "tpe"]
    trials: int = Field(default=30, ge=1, le=MOST_SETTINGS)
    batch: int = Field(default=5, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**32)


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
