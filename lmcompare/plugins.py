"""Models by name: found, built from their hyper-parameters, and their code digested."""

from __future__ import annotations

import ast
import hashlib
import inspect
import reprlib
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from lmcompare.errors import PluginError, kind_of, one_line, unknown
from lmcompare.model import LanguageModel, Traits, described
from lmcompare.registry import OWN_HINT as OWN_HINT
from lmcompare.registry import Registry, source_of
from lmcompare.registry import check_named as check_named
from lmcompare.registry import only_installed as only_installed
from lmcompare.registry import spec as spec

PRESETS = ("quick", "default", "full")
_KINDS: Mapping[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    NoneType: "nothing",
}


def checked_class(found: Any, plugin: str) -> type[LanguageModel]:
    """Return a class that is a whole plug-in. Raises ``PluginError`` for one that is not, naming it ``plugin``."""
    if not (inspect.isclass(found) and issubclass(found, LanguageModel)):
        raise PluginError(f"plug-in '{plugin}' is not a class derived from lmcompare.LanguageModel")
    if inspect.isabstract(found):
        lacking = ", ".join(sorted(found.__abstractmethods__))
        raise PluginError(f"plug-in '{plugin}' lacks {lacking}")
    presets = found.presets
    if not isinstance(presets, Mapping) or not all(isinstance(table, Mapping) for table in presets.values()):
        raise PluginError(f"presets of plug-in '{plugin}' must be a table of hyper-parameters for each name")
    for name in ("files", "bases"):
        listed = getattr(found, name)
        if not isinstance(listed, tuple | list) or not {*map(str, listed)} <= {*(listed and found.parameter_names())}:
            raise PluginError(
                f"{name} of plug-in '{plugin}' must be a tuple of names of its hyper-parameters, not"
                f" {reprlib.repr(listed)}"
            )
    return found


MODELS: Registry[type[LanguageModel]] = Registry("lmcompare.models", "model", checked_class)
resolve = MODELS.resolve


def summary(plugin: str) -> str:
    """Return the first paragraph of a model's docstring. Raises ``PluginError`` as ``Registry.resolve`` does.

    A built-in model is not imported, since to import all of them takes seconds: its source is read.
    """
    point = MODELS.installed().get(plugin)
    if point is not None and MODELS.is_built_in(plugin):
        package, *modules = point.module.split(".")
        source = files(package).joinpath(*modules[:-1], f"{modules[-1]}.py").read_bytes()
        classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
        return described(next(ast.get_docstring(node) for node in classes if node.name == point.attr))
    return described(resolve(plugin).__doc__)


def named_in(parameters: Mapping[str, Any]) -> list[str]:
    """Return the hyper-parameters that may name plug-ins which are not installed: strings with a colon."""
    return [value for value in parameters.values() if isinstance(value, str) and ":" in value]


def is_own_code(plugin: str, given: Mapping[str, Any]) -> bool:
    """Return whether a model, and those that its hyper-parameters name, are lmcompare's own."""
    if not MODELS.is_built_in(plugin):
        return False
    bases = (given.get(name) for name in resolve(plugin).bases)
    return all(MODELS.is_built_in(base) for base in bases if isinstance(base, str))


def build(plugin: str | type[LanguageModel], parameters: Mapping[str, Any], preset: str = "") -> LanguageModel:
    """Make an untrained model; ``parameters`` replace those of the class's preset of this name.

    Raises ``PluginError`` for a hyper-parameter that the model does not have or a value that it refuses.
    """
    cls = resolve(plugin) if isinstance(plugin, str) else checked_class(plugin, plugin.__name__)
    whose = plugin.rpartition(":")[2] if isinstance(plugin, str) else cls.__name__
    names = cls.parameter_names()
    for name in parameters:
        if name not in names:
            raise PluginError(unknown(f"hyper-parameter of {whose}", name, names))
    given = {**cls.presets.get(preset, {}), **parameters}
    _check_kinds(cls, given, whose)
    try:
        model = cls(**given)
    except PluginError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"{whose} refuses its hyper-parameters: {one_line(error)}") from error
    if not isinstance(model.traits, Traits):
        raise PluginError(f"traits of {whose} must be an lmcompare.Traits, not {kind_of(model.traits)}")
    return model


def _check_kinds(cls: type[LanguageModel], given: Mapping[str, Any], whose: str) -> None:
    """Check values against the annotations of ``__init__`` that are int, float, str or bool, or unions of these.

    Raises ``PluginError`` for a value of another type, and for a number that is infinite or NaN.
    """
    try:
        hints = get_type_hints(cls.__init__)
    except Exception:  # an annotation may name a type that can't be looked up from here
        return
    for name, value in given.items():
        hint = hints.get(name)
        kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        if all(kind in _KINDS for kind in kinds) and not any(_is_a(value, kind) for kind in kinds):
            expected = " or ".join(_KINDS[kind] for kind in kinds)
            raise PluginError(f"{name} of {whose} is {expected}, not {reprlib.repr(value)}")


def _is_a(value: object, kind: object) -> bool:
    if kind is float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        return abs(value) <= sys.float_info.max  # false for NaN, and for a whole number of 400 digits
    return type(value) is kind


def source_digest(model: LanguageModel) -> str:
    """Return a digest of the code that a model's figures come from, so that a change to it is noticed.

    It covers the code of the plug-in, as ``code_digest`` does, and what every model uses: the contract, ``tokens/``
    and ``training/``.
    """
    return hashlib.sha256(_code(model) + own_code("state.py", "model", "tokens", "training")).hexdigest()[:16]


def own_code(*parts: str, package: Path = Path(__file__).parent) -> bytes:
    """Return the source code of files and of whole folders of lmcompare, so that a change to it is noticed."""
    places = [package / part for part in parts]
    files = [file for place in places for file in (sorted(place.rglob("*.py")) if place.is_dir() else [place])]
    return b"".join(file.read_bytes() for file in files)


def code_digest(model: LanguageModel) -> str:
    """Return a digest of the plug-in's own code.

    It takes in the class's module, the modules of the same package (of a plug-in's file: of the same folder) that it
    imports, directly or through others, and the same of the plug-ins that the model names in ``bases``.
    """
    return hashlib.sha256(_code(model)).hexdigest()[:16]


def _code(model: LanguageModel) -> bytes:
    return source_of([type(model), *(resolve(getattr(model, name)) for name in model.bases)])
