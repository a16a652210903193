"""The base class of all kinds of exhibit, its drawing, the checks of its fields, and the installed kinds.

Supported annotations are ``str``, ``int``, ``float``, ``bool``, ``None``, unions of these, ``tuple`` with one type
for all entries or a type for each, and dataclasses of such fields. Numbers are at most ``GREATEST``.

A kind is an entry point in the group ``lmcompare.exhibits``, the built-in kinds included. A stored exhibit names its
kind and is read only if a package that is installed brings it: a run folder is data and never runs code.
"""

from __future__ import annotations

import inspect
import reprlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, ClassVar, Union, get_args, get_origin, get_type_hints

from markupsafe import Markup

from lmcompare.errors import LmcompareError, PluginError, suggest, what_went_wrong
from lmcompare.processes import JunkError, call
from lmcompare.registry import Registry
from lmcompare.render.markdown import plain

PER_TEXT = 100  # a text counts once for each hundred characters
GREATEST = 1e100  # of numbers: the span of an axis and a hundred times a number are finite, too


@dataclass(frozen=True)
class Drawing:
    """An exhibit as the report shows it.

    Parameters
    ----------
    html : Markup
        The exhibit for the page. An element of the class ``wide`` gets the full width of the page.
    reading : str, default=""
        One sentence on what the numbers of the exhibit show and the drawing does not say.
    markdown : str, default=""
        The exhibit for the Markdown report; not needed if there is a drawing.
    svg : Markup or None, default=None
        The drawing, if there is one; it is stored as a file.
    """

    html: Markup
    reading: str = ""
    markdown: str = ""
    svg: Markup | None = None


def fill(template: str, /, package: str = "lmcompare.exhibits", **context: Any) -> Markup:
    """Return a Jinja template of a package's folder ``templates`` with these values; text in them is escaped."""
    from lmcompare.render import templating  # loads Jinja, which a model does without

    return templating.fill(template, package, **context)


@dataclass(frozen=True, kw_only=True)
class Exhibit(ABC):
    """A figure or table by which a model explains itself.

    A kind of exhibit is a frozen dataclass that derives from this class. Its fields have the types that this module
    lists, all of them JSON-able. docs/exhibits.md has a complete example.

    Parameters
    ----------
    title : str
        What the exhibit shows, in a few words.
    note : str, default=""
        One or two sentences on what the reader should see.

    Attributes
    ----------
    kind : str
        The name of the kind: that of its entry point in the group ``lmcompare.exhibits``.
    most : int
        How many parts an exhibit of this kind may have: fields and entries of tuples, nested ones included; a text
        counts once more for each 100 characters.
    """

    kind: ClassVar[str] = ""
    most: ClassVar[int] = 10_000
    title: str
    note: str = ""

    def problem(self) -> str:
        """Return what is wrong with the parts of this exhibit, and "" if nothing is.

        A kind overrides this method with rules of its own: which parts have the same length, which numbers are
        allowed. The method may rely on the types of all fields, on the size limit and on numbers that can be drawn,
        which are checked before.
        """
        return ""

    @abstractmethod
    def draw(self) -> Drawing:
        """Return the drawing of this exhibit, in which ``problem`` has found nothing."""

    def find_problem(self) -> str:
        """Return the first thing that is wrong with this exhibit, and "" if nothing is.

        Checks the size, the types of all fields, the title, and then what ``problem`` checks.
        """
        names = [field.name for field in fields(self)]
        if is_larger((getattr(self, name) for name in names), self.most):
            return f"it has more than {self.most:,} parts, the most that the kind '{self.kind}' may have"
        types = hints(type(self))
        wrong = next(filter(None, (misfit(getattr(self, name), types[name], name) for name in names)), "")
        return wrong or ("" if self.title.strip() else "it has no title") or self.problem()


def unequal(**parts: Sized) -> str:
    """Return that parts differ in length, and "" if they do not: "labels has 2 entries, values has 1"."""
    lengths = {name: len(part) for name, part in parts.items()}
    if len(set(lengths.values())) <= 1:
        return ""
    return ", ".join(f"{name} has {n}{' entries' if i == 0 else ''}" for i, (name, n) in enumerate(lengths.items()))


_IN_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", NoneType: "None"}
_FITTING: dict[Any, set[type[Any]]] = {
    str: {str},
    int: {int},
    float: {float, int},
    bool: {bool},
    NoneType: {NoneType},
}
_SIMPLE = frozenset((float, int, bool, NoneType))


def is_larger(values: Iterable[Any], most: int) -> bool:
    """Return whether nested values have more than ``most`` parts, without visiting many more.

    Every entry of a tuple and every field is a part; a text counts once more for each ``PER_TEXT`` characters.
    """
    waiting: list[Sequence[Any]] = [list(values)]
    total = len(waiting[0])
    while waiting and total <= most:
        inside = waiting.pop()
        if _SIMPLE.issuperset(map(type, inside)):
            continue
        for value in inside:
            if isinstance(value, str):
                total += len(value) // PER_TEXT
            elif isinstance(value, list | tuple):
                waiting.append(value)
                total += len(value)
            elif isinstance(value, Mapping) or is_dataclass(value):
                waiting.append(list(value.values() if isinstance(value, Mapping) else vars(value).values()))
                total += len(waiting[-1])
            if total > most:
                break
    return total > most


def misfit(value: Any, kind: Any, place: str) -> str:
    """Return why a value is not of an annotated type, and "" if it is.

    Parameters
    ----------
    value : object
        The value of a field or of a part of a field.
    kind : type
        The annotation.
    place : str
        The name of the part, such as ``"labels[2]"``.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        why = [misfit(value, part, place) for part in parts]
        return "" if "" in why else why[0]
    if origin is tuple:
        return _tuple_misfit(value, parts, place)
    if isinstance(kind, type) and is_dataclass(kind):
        if not isinstance(value, kind):
            return f"{place} is {_shown(value)}, not a {kind.__name__}"
        each = hints(kind)
        return _first(misfit(getattr(value, f.name), each[f.name], f"{place}.{f.name}") for f in fields(kind))
    if kind not in _FITTING:
        return f"{place} is annotated as {kind}, a type that an exhibit cannot have"
    if not isinstance(value, tuple(_FITTING[kind])) or (isinstance(value, bool) and kind is not bool):
        return f"{place} is {_shown(value)}, not {_IN_WORDS[kind]}"
    if kind in (int, float) and not _can_be_drawn(value):
        return f"{place} is {_shown(value)}: only numbers up to {GREATEST:g} can be drawn"
    return ""


def read(value: Any, kind: Any) -> Any:
    """Return a value of an annotated type from the value that JSON has for it; one that does not fit as it is."""
    if not isinstance(value, list | tuple | Mapping):
        return value
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return next((made for part in parts if not misfit(made := read(value, part), part, "")), value)
    if origin is tuple and isinstance(value, list | tuple):
        if parts[-1] is Ellipsis:
            return tuple(read(each, parts[0]) for each in value)
        return tuple(read(each, part) for each, part in zip(value, parts, strict=False)) + tuple(value[len(parts) :])
    if isinstance(kind, type) and is_dataclass(kind) and isinstance(value, Mapping):
        return built(kind, value, kind.__name__)
    return value


def built(cls: type[Any], table: Mapping[str, Any], name: str) -> Any:
    """Return an instance of a dataclass from the JSON object with its fields.

    Raises
    ------
    LmcompareError
        If a field is missing or unknown; the message calls the dataclass ``name``.
    """
    known = {field.name: field for field in fields(cls) if field.init}
    for key in table:
        if key not in known:
            raise LmcompareError(f"{name} has no field '{key}'{suggest(str(key), known)}")
    for key, field in known.items():
        if key not in table and field.default is MISSING and field.default_factory is MISSING:
            raise LmcompareError(f"{name} lacks the field '{key}'")
    each = hints(cls)  # type: ignore[arg-type]  # every class can be hashed
    return cls(**{key: read(value, each[key]) for key, value in table.items()})


@cache
def hints(cls: type[Any]) -> Mapping[str, Any]:
    """Return the types of a dataclass's fields by name."""
    return get_type_hints(cls)


def _tuple_misfit(value: Any, parts: tuple[Any, ...], place: str) -> str:
    if not isinstance(value, tuple | list):
        return f"{place} is {_shown(value)}, not a tuple"
    if parts[-1] is Ellipsis:
        if _all_fit(value, parts[0]):
            return ""
        return _first(misfit(each, parts[0], f"{place}[{i}]") for i, each in enumerate(value))
    if len(value) != len(parts):
        return f"{place} has {len(value)} parts, not {len(parts)}"
    return _first(
        misfit(each, part, f"{place}[{i}]") for i, (each, part) in enumerate(zip(value, parts, strict=True))
    )


def _all_fit(value: tuple[Any, ...] | list[Any], kind: Any) -> bool:
    """Return whether all entries fit a simple type; if not, they need a closer check. Long rows are common."""
    simple = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    if not set(simple) <= set(_FITTING):
        return False
    return set(map(type, value)) <= set().union(*(_FITTING[one] for one in simple)) and (
        {int, float}.isdisjoint(simple)
        or all(each is None or isinstance(each, str) or _can_be_drawn(each) for each in value)
    )


def _can_be_drawn(number: Any) -> bool:
    small: bool = abs(number) <= GREATEST  # false for NaN
    return small


def _shown(value: Any) -> str:
    """Return a value in a message, shortened; of objects whose text may be long or fail, the type."""
    if isinstance(value, int) and abs(value) > GREATEST:
        return "a number of more than a hundred digits"
    if isinstance(value, str | int | float | NoneType):
        return reprlib.repr(value)
    return f"a value of type {type(value).__name__}"


def _first(messages: Iterable[str]) -> str:
    return next(filter(None, messages), "")


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
    values = {name: value for name, value in table.items() if name != "kind"}
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
    said = f"This exhibit could not be drawn: {why}."
    return title, "", Drawing(Markup('<p class="warning">{}</p>').format(said), markdown=plain(said))


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
