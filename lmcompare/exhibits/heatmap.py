"""Heat maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lmcompare.exhibits.exhibit import Exhibit

Panels = tuple[tuple[tuple[float | None, ...], ...], ...]


@dataclass(frozen=True, kw_only=True)
class Heatmap(Exhibit):
    """One or more maps of R rows by C columns with the same labels, such as attention weights with a panel for each
    head.

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
    opened : int, default=0
        The panel that is shown first.
    """

    kind: ClassVar[str] = "heatmap"
    former: ClassVar[frozenset[str]] = frozenset({"steps", "opens"})
    most: ClassVar[int] = 500_000
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    panels: tuple[str, ...]
    values: Panels
    row_axis: str = ""
    column_axis: str = ""
    opened: int = 0

    def problem(self) -> str:
        """Return which panel does not have the shape of the labels, or that there is no panel ``opened``."""
        if len(self.values) != len(self.panels):
            return f"values has {len(self.values)} panels, but {len(self.panels)} are named"
        for panel, rows in zip(self.panels, self.values, strict=True):
            if len(rows) != len(self.rows) or any(len(row) != len(self.columns) for row in rows):
                shape = f"{len(rows)} rows of {', '.join(str(n) for n in sorted({len(row) for row in rows}))}"
                return f"panel '{panel}' has {shape} for {len(self.rows)} rows and {len(self.columns)} columns"
        if self.panels and not 0 <= self.opened < len(self.panels):
            return f"opened is {self.opened}, but there are {len(self.panels)} panels"
        return ""
