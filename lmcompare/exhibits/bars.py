"""Bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lmcompare.exhibits.exhibit import Exhibit, unequal


@dataclass(frozen=True, kw_only=True)
class Bars(Exhibit):
    """Labelled amounts in one unit.

    Parameters
    ----------
    labels : tuple of str
        The name of each bar.
    values : tuple of float
        The amounts; bars of negative amounts extend to the left of zero.
    unit : str, default=""
        The unit of the amounts.
    """

    kind: ClassVar[str] = "bars"
    most: ClassVar[int] = 2_000
    labels: tuple[str, ...]
    values: tuple[float, ...]
    unit: str = ""

    def problem(self) -> str:
        """Return that labels and values differ in length."""
        return unequal(labels=self.labels, values=self.values)
