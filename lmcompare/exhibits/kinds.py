"""The installed kinds of exhibit, and how exhibits are stored as JSON and drawn.

A kind is an entry point in the group ``lmcompare.exhibits``, the built-in kinds included. A stored exhibit names its
kind and is read only if a package that is installed brings it: a run folder is data and never runs code.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from functools import cache
from typing import Any

from markupsafe import Markup

from lmcompare.errors import LmcompareError, PluginError, what_went_wrong
from lmcompare.exhibits.exhibit import Drawing, Exhibit, built, fill, is_larger
from lmcompare.processes import JunkError, call
from lmcompare.registry import Registry

SECONDS = 20.0  # for drawing an exhibit of another package's kind
LONGEST_TITLE = 200  # characters of the title of an exhibit that cannot be drawn


def _checked(found: Any, name: str) -> type[Exhibit]:
    if not (isinstance(found, type) and issubclass(found, Exhibit) and is_dataclass(found)):
        raise PluginError(f"'{name}' is not a kind of exhibit: make it a dataclass that derives from Exhibit")
    if inspect.isabstract(found):
        raise PluginError(f"the kind of exhibit '{name}' has no method draw")
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


def draw(exhibit: Exhibit) -> Drawing:
    """Return the drawing of an exhibit.

    Raises
    ------
    LmcompareError
        If anything is wrong with the exhibit, or if its kind returns no ``Drawing``.
    """
    if problem := problem_with(exhibit):
        raise LmcompareError(problem)
    return _drawn(exhibit)


def draw_stored(stored: Mapping[str, Any]) -> tuple[str, str, Drawing]:
    """Return title, note and drawing of a stored exhibit.

    Exhibits come from anybody's plug-ins. If one cannot be drawn, the report has a sentence that says why in its
    place. A kind that is not lmcompare's own is drawn in a process of its own.
    """
    try:
        if isinstance(kind := stored.get("kind"), str) and _is_of_others(kind):
            return _parts(call(f"{__name__}:parts_of", dict(stored), seconds=SECONDS))
        exhibit = from_json(stored)
        return exhibit.title, exhibit.note, _drawn(exhibit)
    except LmcompareError as error:
        why = str(error)
    except Exception as error:  # a plug-in's code
        why = what_went_wrong(error)
    title = stored.get("title")
    title = title[:LONGEST_TITLE] if isinstance(title, str) and title.strip() else "Untitled exhibit"
    return title, "", Drawing(fill("broken", why=why))


@cache
def _is_of_others(kind: str) -> bool:
    """Return whether another package brings a kind of exhibit."""
    return kind in KINDS.installed() and not KINDS.is_built_in(kind)


def parts_of(_: object, stored: Mapping[str, Any]) -> list[str | None]:
    """Return what ``draw_stored`` returns, as texts; runs in a process of its own."""
    exhibit = from_json(stored)
    drawn = _drawn(exhibit)
    return [exhibit.title, exhibit.note, drawn.html, drawn.reading, drawn.markdown, drawn.svg]


def _parts(found: object) -> tuple[str, str, Drawing]:
    match found:
        case [str(title), str(note), str(html), str(reading), str(markdown), str() | None as svg]:
            return title, note, Drawing(Markup(html), reading, markdown, None if svg is None else Markup(svg))
    raise JunkError(str(found)[:80])


def _drawn(exhibit: Exhibit) -> Drawing:
    drawing = exhibit.draw()
    if not isinstance(drawing, Drawing):
        raise LmcompareError(f"the method draw of the kind '{exhibit.kind}' returned no Drawing")
    return drawing
