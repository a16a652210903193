"""Making an untrained model from a class and its hyper-parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from lmcompare.errors import PluginError, one_line, unknown
from lmcompare.model import LanguageModel
from lmcompare.plugins.models import checked_class, resolve

_KINDS: Mapping[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    NoneType: "nothing",
}


def build(plugin: str | type[LanguageModel], parameters: Mapping[str, Any], preset: str = "") -> LanguageModel:
    """Make an untrained model; ``parameters`` go before those of the class's preset of this name.

    Raises ``PluginError`` for a hyper-parameter that the model does not have or a value that it refuses.
    """
    cls = resolve(plugin) if isinstance(plugin, str) else checked_class(plugin, plugin.__name__)
    names = cls.parameter_names()
    for name in parameters:
        if name not in names:
            what = f"hyper-parameter of {plugin if isinstance(plugin, str) else cls.__name__}"
            raise PluginError(unknown(what, name, names))
    given = {**cls.presets.get(preset, {}), **parameters}
    _check_kinds(cls, given)
    try:
        return cls(**given)
    except PluginError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"{cls.__name__} refuses its hyper-parameters: {one_line(error)}") from error


def _check_kinds(cls: type[LanguageModel], given: Mapping[str, Any]) -> None:
    """Compare values with the annotations of ``__init__`` where these name whole numbers, numbers, texts or truths.

    Raises ``PluginError`` for a value of another kind, and for a number that is infinite or none.
    """
    try:
        hints = get_type_hints(cls.__init__)
    except Exception:  # a plug-in may name what can't be looked up from here
        return
    for name, value in given.items():
        hint = hints.get(name)
        kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        if all(kind in _KINDS for kind in kinds) and not any(_is_a(value, kind) for kind in kinds):
            expected = " or ".join(_KINDS[kind] for kind in kinds)
            raise PluginError(f"{name} of {cls.__name__} is {expected}, not {value!r}")


def _is_a(value: object, kind: object) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return type(value) is kind
