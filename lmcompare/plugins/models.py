"""The registry of models."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from lmcompare.errors import PluginError
from lmcompare.model import LanguageModel, described
from lmcompare.registry import Registry

PRESETS = ("quick", "default", "full")


def checked_class(found: Any, plugin: str) -> type[LanguageModel]:
    """Return a class that is a whole plug-in. Raises ``PluginError`` for one that is not, naming it ``plugin``."""
    if not (inspect.isclass(found) and issubclass(found, LanguageModel)):
        raise PluginError(f"plug-in '{plugin}' is not a class derived from lmcompare.LanguageModel")
    if inspect.isabstract(found):
        lacking = ", ".join(sorted(found.__abstractmethods__))
        raise PluginError(f"plug-in '{plugin}' lacks {lacking}")
    return found


MODELS: Registry[type[LanguageModel]] = Registry("lmcompare.models", "model", checked_class)
resolve = MODELS.resolve


def summary(plugin: str) -> str:
    """Return the first paragraph of a model's docstring. Raises ``PluginError`` as ``Registry.resolve`` does."""
    return described(resolve(plugin))


def named_in(parameters: Mapping[str, Any]) -> list[str]:
    """Return the hyper-parameters that may name plug-ins which are not installed: strings with a colon."""
    return [value for value in parameters.values() if isinstance(value, str) and ":" in value]
