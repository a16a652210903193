"""Packages whose public names are imported when they are first used, so that importing the package is fast."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any


def lazily(
    package: str, homes: Mapping[str, Iterable[str]], modules: Iterable[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the functions ``__getattr__`` and ``__dir__`` of a package (PEP 562).

    Parameters
    ----------
    package : str
        The package's name.
    homes : mapping of str to iterable of str
        The names that each module defines.
    modules : iterable of str
        Modules of the package that are attributes of it.
    """
    home_of = {name: home for home, names in homes.items() for name in names}
    modules = frozenset(modules)

    def get(name: str) -> Any:
        if name in modules:
            return import_module(f"{package}.{name}")
        if name not in home_of:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        return getattr(import_module(home_of[name]), name)

    def listed() -> list[str]:
        return sorted({*home_of, *modules})

    return get, listed
