"""Bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lmcompare.exhibits.exhibit import Drawing, Exhibit, fill, unequal
from lmcompare.render import numbers


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

    def draw(self) -> Drawing:
        """Draw a bar for each label, in the given order; bars of negative amounts extend to the left of zero."""
        low, high = min([0.0, *self.values]), max([0.0, *self.values])
        span = (high - low) or 1.0
        amounts = numbers.aligned(self.values)
        bars = [
            {
                "label": label,
                "value": value,
                "amount": amount,
                "left": 100 * (min(value, 0.0) - low) / span,
                "width": 100 * abs(value) / span,
            }
            for label, value, amount in zip(self.labels, self.values, amounts, strict=True)
        ]
        return Drawing(fill("bars", exhibit=self, bars=bars))
