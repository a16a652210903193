"""Hyper-parameters that are whole numbers."""

from __future__ import annotations

from lmcompare.errors import PluginError


def is_whole(value: object) -> bool:
    """Whether a value is a whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def check_whole(name: str, value: object, least: int, of: str = "") -> None:
    """Raise ``PluginError`` unless a hyper-parameter is a whole number ``of`` something, ``least`` or more."""
    if not (isinstance(value, int) and is_whole(value) and value >= least):
        raise PluginError(f"{name} is a whole number{of}, {least} or more, not {value!r}")
