"""Options of a command that are declared elsewhere, as the fields of a dataclass."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

from lmcompare.cli.app import flag
from lmcompare.errors import LmcompareError


def declared(*classes: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each field of these dataclasses.

    The command takes them as ``**options``, by name; an option that the user leaves out is None. ``metadata["help"]``
    of a field is its help.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(function, include_extras=True)
        own = inspect.signature(function).parameters.values()
        parameters = [p.replace(annotation=hints[p.name]) for p in own if p.kind is not inspect.Parameter.VAR_KEYWORD]
        for cls in classes:
            types = get_type_hints(cls)
            parameters += [_parameter(field, types[field.name]) for field in fields(cls)]
        function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        function.__annotations__ = {p.name: p.annotation for p in parameters}
        return function

    return decorate


def like(command: Callable[..., None]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command, which takes them as ``**options``, the arguments and options of another one."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        function.__signature__ = inspect.signature(command)  # type: ignore[attr-defined]
        function.__annotations__ = dict(command.__annotations__)
        return function

    return decorate


def of(cls: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a command's ``**options`` that are fields of a dataclass."""
    return {field.name: given[field.name] for field in fields(cls)}


def listed(values: list[str] | None) -> tuple[str, ...]:
    """Return the values of a repeated option; each may be several, separated by commas."""
    found = tuple(part.strip() for value in values or () for part in value.split(",") if part.strip())
    if values and not found:
        raise LmcompareError("an option was given an empty value: leave the option out, or give it a value")
    return found


def _parameter(field: Field[Any], annotation: Any) -> inspect.Parameter:
    kind = next(t for t in (*get_args(annotation), annotation) if t is not type(None))
    kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    name, help = f"--{field.name.replace('_', '-')}", field.metadata["help"]
    if kind is bool:
        kind, described = bool, flag(name, help=help)
    else:
        kind = kind if kind in (int, float) else str  # the choices of a Literal are checked with better messages
        described = typer.Option(name, metavar={int: "N", float: "X"}.get(kind, "VALUE"), help=help)
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, described]
    )
