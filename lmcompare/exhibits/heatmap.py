"""Heat maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lmcompare.exhibits.exhibit import Exhibit

Panels = tuple[tuple[tuple[float | None, ...], ...], ...]


@dataclass(frozen=True, kw_only=True)
class Heatmap(Exhibit):
    """One or more maps of R rows by C columns with the same labels, for example attention weights, a panel a head.

    Parameters
    ----------
    rows, columns : tuple of str
        The R and C labels.
    panels : tuple of str
        The name of each panel.
    values : tuple
        Panel, row, column: a number, or None for an empty cell (the masked future).
    row_axis, column_axis : str, default=""
        What the rows and the columns are.
    steps : tuple of (str, values), default=()
        How each value is computed and used: the name of a quantity and its numbers, of the shape of ``values``. They
        are shown for one row at a time.
    opens : (int, int) or None, default=None
        The panel and the row that are shown first; by default the first panel and the last row.
    """

    kind: ClassVar[str] = "heatmap"
    most: ClassVar[int] = 500_000
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    panels: tuple[str, ...]
    values: Panels
    row_axis: str = ""
    column_axis: str = ""
    steps: tuple[tuple[str, Panels], ...] = ()
    opens: tuple[int, int] | None = None

    def problem(self) -> str:
        """Return which panel does not have the shape of the labels, or that ``opens`` names no panel and row."""
        for name, values in (("values", self.values), *((f"step '{name}'", panels) for name, panels in self.steps)):
            if wrong := self._misshapen(name, values):
                return wrong
        if self.opens is None:
            return ""
        panel, row = self.opens
        if 0 <= panel < len(self.panels) and 0 <= row < len(self.rows):
            return ""
        return f"opens is {self.opens}, but there are {len(self.panels)} panels and {len(self.rows)} rows"

    def _misshapen(self, name: str, values: Panels) -> str:
        if len(values) != len(self.panels):
            return f"{name} has {len(values)} panels, but {len(self.panels)} are named"
        for panel, rows in zip(self.panels, values, strict=True):
            if len(rows) != len(self.rows) or any(len(row) != len(self.columns) for row in rows):
                shape = f"{len(rows)} rows of {', '.join(str(n) for n in sorted({len(row) for row in rows}))}"
                return (
                    f"{name}, panel '{panel}', has {shape} for {len(self.rows)} rows and {len(self.columns)} columns"
                )
        return ""
