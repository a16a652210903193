"""Checks of hyper-parameters that several families share."""

from __future__ import annotations

from lmcompare.errors import PluginError


def is_whole(value: object) -> bool:
    """Whether a value is a whole number; booleans are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def check_whole(name: str, value: object, least: int) -> None:
    """Check that a hyper-parameter is a whole number of at least ``least``.

    Raises
    ------
    PluginError
        If it is not.
    """
    if not (isinstance(value, int) and is_whole(value) and value >= least):
        raise PluginError(f"{name} must be a whole number, {least} or more, not {value!r}")
