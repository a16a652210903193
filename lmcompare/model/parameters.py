"""Checks of hyper-parameters that many models have."""

from __future__ import annotations

import reprlib

import numpy as np

from lmcompare.errors import PluginError
from lmcompare.tokens import Encoded

HIGHEST_ORDER = 100  # of n-grams: nearly all longer n-grams occur once
SHORT_ORDER, SHORT_WINDOW = 10, 256  # the order and the window that are allowed for every text, however short it is


def is_whole(value: object) -> bool:
    """Return whether a value is a whole number; booleans are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def check_whole(name: str, value: object, least: int, most: int = 10**9) -> None:
    """Raise ``PluginError`` unless a hyper-parameter is a whole number from ``least`` to ``most``."""
    if not (isinstance(value, int) and is_whole(value) and value >= least):
        raise PluginError(f"{name} must be a whole number, {least} or more, not {reprlib.repr(value)}")
    if value > most:
        raise PluginError(f"{name} must be {most:,} or less, not {reprlib.repr(value)}")


def check_reach(name: str, value: int, train: Encoded, unit: str, free: int) -> None:
    """Raise ``PluginError`` for a model that looks further back than the training text goes, which only costs time.

    ``unit`` is "sentence" or "document": the model does not look beyond its beginning. Values up to ``free`` cost
    little and are always allowed.
    """
    if value <= free:
        return
    starts = train.sentence_starts() if unit == "sentence" else train.starts
    longest = int(np.diff(np.append(starts, len(train))).max(initial=0))
    if value > max(longest + 1, free):
        raise PluginError(
            f"{name} is {value:,}, but the longest {unit} of the training text has {longest:,} tokens: set it to"
            f" {max(longest + 1, free):,} at most"
        )
