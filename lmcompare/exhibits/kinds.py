"""The installed kinds of exhibit, and how exhibits are stored as JSON.

A kind is an entry point in the group ``lmcompare.exhibits``, the built-in kinds included. A stored exhibit names its
kind and is read only if a package that is installed brings it: a run folder is data and never runs code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from functools import cache
from typing import Any

from lmcompare.errors import LmcompareError, PluginError, what_went_wrong
from lmcompare.exhibits.exhibit import Exhibit
from lmcompare.exhibits.fields import built, is_larger
from lmcompare.registry import Registry


def _checked(found: Any, name: str) -> type[Exhibit]:
    if not (isinstance(found, type) and issubclass(found, Exhibit) and is_dataclass(found)):
        raise PluginError(f"'{name}' is not a kind of exhibit: make it a dataclass that derives from Exhibit")
    if found.kind != name:
        raise PluginError(
            f"the kind of exhibit '{name}' is called '{found.kind}' by its class: use one name for both"
        )
    return found


KINDS: Registry[type[Exhibit]] = Registry("lmcompare.exhibits", "kind of exhibit", _checked)


@cache
def kind_named(name: str) -> type[Exhibit]:
    """Return the installed kind of exhibit of that name.

    Raises
    ------
    LmcompareError
        If no installed package has it, or the package cannot be imported.
    """
    if name not in KINDS.installed():
        raise LmcompareError(
            f"no installed package has the kind of exhibit '{name}': install the one that brings it, with an entry"
            f" point in the group '{KINDS.group}'"
        )
    return KINDS.resolve(name)


def problem_with(exhibit: object) -> str:
    """Return the first thing that is wrong with an exhibit that a model yields, and "" if nothing is.

    Checks that it is an exhibit of an installed kind, that it is not too large, that its fields have the annotated
    types and numbers that can be drawn, that it has a title, and that its parts fit together.
    """
    if not isinstance(exhibit, Exhibit):
        return f"it is of the type {type(exhibit).__name__}, not a kind of exhibit"
    try:
        if kind_named(exhibit.kind) is not type(exhibit):
            return f"its class {type(exhibit).__name__} is not the installed kind '{exhibit.kind}'"
        return exhibit.find_problem()
    except LmcompareError as error:
        return str(error)
    except Exception as error:  # a kind may be anybody's code
        return f"it could not be checked ({what_went_wrong(error)})"


def to_json(exhibit: Exhibit) -> dict[str, Any]:
    """Return a well-formed exhibit as a JSON-able table of its fields and its ``kind``."""
    return {"kind": exhibit.kind, **asdict(exhibit)}


def from_json(table: Mapping[str, Any]) -> Exhibit:
    """Return the exhibit that ``to_json`` stored.

    Raises
    ------
    LmcompareError
        If its kind is not installed, or if anything is wrong with the exhibit.
    """
    kind = table.get("kind")
    if not isinstance(kind, str):
        raise LmcompareError("it does not name its kind")
    cls = kind_named(kind)
    values = {name: value for name, value in table.items() if name != "kind" and name not in cls.former}
    if is_larger(values.values(), cls.most):
        raise LmcompareError(f"it has more than {cls.most:,} parts, the most that the kind '{kind}' may have")
    exhibit: Exhibit = built(cls, values, f"the kind '{kind}'")
    if problem := problem_with(exhibit):
        raise LmcompareError(problem)
    return exhibit
