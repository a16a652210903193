"""The text of a series: its values in order, with blanks between them; a line of past may precede what is scored."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lmcompare.errors import LmcompareError

if TYPE_CHECKING:
    from numpy import float64, int64


MISSING = "?"  # a value that is not known


@dataclass(frozen=True)
class Line:
    """The n values of the text of a series.

    Parameters
    ----------
    values : (n,) float64 array
        The values; NaN where one is missing.
    spans : (n, 2) int64 array
        Where each is in the text, in characters, which are bytes.
    given : int
        How many of the first values are past that is given and not scored.
    whole : bool
        Whether the text has no such past, as that of a training document.
    """

    values: npt.NDArray[float64]
    spans: npt.NDArray[int64]
    given: int
    whole: bool

    @property
    def context(self) -> npt.NDArray[float64]:
        """The values from which scales may be computed: the given past, or all values of a training document."""
        return self.values if self.whole else self.values[: self.given]


def text_of(values: Iterable[float], given: int = 0) -> str:
    """Return values as a text; ``given`` of them are a line of past before the others."""
    words = [MISSING if math.isnan(value) else repr(float(value)) for value in values]
    past, rest = " ".join(words[:given]), " ".join(words[given:])
    return f"{past}\n{rest}" if given else rest


def line_of(text: str) -> Line:
    """Return the values of the text of a series.

    Raises
    ------
    LmcompareError
        For a word that is no number.
    """
    past, cut, _ = text.partition("\n")
    given = len(past.split()) if cut else 0
    values: list[float] = []
    spans: list[tuple[int, int]] = []
    at = 0
    for word in text.split():
        at = text.index(word, at)
        spans.append((at, at + len(word)))
        at += len(word)
        values.append(_number(word))
    places = np.array(spans, np.int64).reshape(len(spans), 2)
    return Line(np.array(values, np.float64), places, given, not cut)


def _number(word: str) -> float:
    if word == MISSING:
        return math.nan
    try:
        value = float(word)
    except ValueError:
        value = math.inf
    if not math.isfinite(value):
        raise LmcompareError(
            f"'{word[:30]}' is not a value of a series: give numbers with blanks between them, and {MISSING} for a"
            " missing one"
        )
    return value
