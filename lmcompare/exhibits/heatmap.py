"""Heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from lmcompare.exhibits.exhibit import Drawing, Exhibit, fill
from lmcompare.render import numbers
from lmcompare.render.charts.png import png
from lmcompare.render.markdown import plain, table
from lmcompare.render.tokens import visible

TABLE_CELLS = 2500  # a panel with more cells is shown as a picture alone
WIDE = 12  # columns beyond which half the page is too narrow
LONG = 40  # rows beyond which Markdown has no table
NARROW = 8  # the most columns of a map that Markdown shows in full
LEAST = 0.1  # for a smaller greatest amount, two decimals are too few
WARM, COOL = (0xE8, 0x6A, 0x2C), (0x3C, 0x88, 0xD8)  # legible on light and dark paper, as opacity carries the amount
Array = NDArray[np.float64]
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
    most: ClassVar[int] = 500_000
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    panels: tuple[str, ...]
    values: Panels
    row_axis: str = ""
    column_axis: str = ""
    opened: int = 0

    def problem(self) -> str:
        if len(self.values) != len(self.panels):
            return f"values has {len(self.values)} panels, but {len(self.panels)} are named"
        for panel, rows in zip(self.panels, self.values, strict=True):
            if len(rows) != len(self.rows) or any(len(row) != len(self.columns) for row in rows):
                shape = f"{len(rows)} rows of {', '.join(str(n) for n in sorted({len(row) for row in rows}))}"
                return f"panel '{panel}' has {shape} for {len(self.rows)} rows and {len(self.columns)} columns"
        if self.panels and not 0 <= self.opened < len(self.panels):
            return f"opened is {self.opened}, but there are {len(self.panels)} panels"
        return ""

    def draw(self) -> Drawing:
        """Draw every panel as a small picture and one of them as a table with its numbers."""
        values = _array(self)
        peak = float(np.nan_to_num(np.abs(values)).max(initial=0.0)) or 1.0
        scale = Scale.of(peak)
        panel = self.opened
        rows, columns = ([visible(label) for label in labels] for labels in (self.rows, self.columns))
        as_table = len(rows) * len(columns) <= TABLE_CELLS
        shown = [[[scale.of_cell(v) for v in line] for line in panel] for panel in self.values]
        html = fill(
            "heatmap",
            exhibit=self,
            rows=rows,
            columns=columns,
            panels=[
                {"name": name, "image": picture(each, peak)} for name, each in zip(self.panels, values, strict=True)
            ],
            opened=panel,
            first=shown[panel] if shown else [],
            data={"panels": _cut(shown), "peak": scale.peak, "places": scale.places}
            if as_table and len(shown) > 1
            else None,
            as_table=as_table,
            wide=len(columns) > WIDE,
            peak=peak,
            scale=scale,
        )
        return Drawing(html, reading(self), _markdown(self, small=peak < LEAST))


@dataclass(frozen=True)
class Scale:
    """How the numbers of cells are written: times ``factor``, with ``places`` decimal places.

    ``unit`` names the factor for the reader; ``peak`` is the greatest amount, as it is written.
    """

    factor: float
    places: int
    unit: str
    peak: float

    @classmethod
    def of(cls, peak: float) -> Self:
        """Return hundredths for shares, plain numbers if they fit a cell, and else hundredths of the greatest."""
        if LEAST <= peak <= 1:
            return cls(100, 0, "in hundredths", 100 * peak)
        if 1 < peak < 1000:
            return cls(1, 1 if peak < 100 else 0, "", peak)
        return cls(100 / peak, 0, f"in hundredths of {numbers.tidy(peak)}", 100.0)

    def of_cell(self, value: float | None) -> float | None:
        """Return the number that is written in a cell."""
        return None if value is None else round(value * self.factor, self.places) + 0.0  # no minus before zero

    def written(self, number: float) -> str:
        """Return a number of ``of_cell`` as text."""
        return f"{number:.{self.places}f}".replace("-", "−")


def reading(exhibit: Heatmap) -> str:
    """Return which panels look least and furthest back; "" if rows and columns differ: there is no distance."""
    return near_and_far(exhibit.panels, _array(exhibit)) if exhibit.rows == exhibit.columns else ""


def near_and_far(names: Sequence[str], values: Array) -> str:
    """Return which of the named maps (P, T, T) look least and furthest back; "" if they are not weights of a past."""
    if len(names) < 2:
        return ""
    weights = np.nan_to_num(values)
    back = np.subtract.outer(np.arange(values.shape[1]), np.arange(values.shape[2]))
    totals = weights.sum(axis=(1, 2))
    if (weights < 0).any() or weights[:, back < 0].any() or not totals.all():
        return ""
    means = (weights * back).sum(axis=(1, 2)) / totals
    near, far = int(means.argmin()), int(means.argmax())
    return (
        f"In this sentence, {names[near]} looks back least far on average ({means[near]:.1f} tokens) and"
        f" {names[far]} farthest ({means[far]:.1f})."
    )


def _array(exhibit: Heatmap) -> Array:
    """(P, R, C) the cells of all panels; NaN for an empty one."""
    shape = (len(exhibit.panels), len(exhibit.rows), len(exhibit.columns))
    return np.array(exhibit.values, np.float64).reshape(shape)


def picture(panel: Array, peak: float) -> str:
    """Return a panel (R, C) as the address of a PNG of one pixel a cell; its opacity is the amount over ``peak``."""
    amounts = np.nan_to_num(panel / peak)
    pixels = np.where(amounts[..., None] >= 0, (*WARM, 0), (*COOL, 0)).astype(np.uint8)  # (R, C, 4) RGBA
    pixels[..., 3] = np.rint(255 * np.minimum(1.0, np.abs(amounts)))
    return png(pixels)


def _cut(panels: Sequence[Sequence[Sequence[float | None]]]) -> list[list[Sequence[float | None]]]:
    """Return panels without the empty cells at the ends of lines, which are half of a causal map."""
    return [
        [line[: max((i for i, v in enumerate(line, 1) if v is not None), default=0)] for line in panel]
        for panel in panels
    ]


def _markdown(exhibit: Heatmap, *, small: bool) -> str:
    """Return the panel shown first: all of it if it is narrow, else the column with the greatest cell of each row.

    ``small``: whether two decimals are too few for the amounts.
    """
    rows, columns = ([plain(visible(label)) for label in labels] for labels in (exhibit.rows, exhibit.columns))
    if not exhibit.values or not rows or not columns or len(rows) > LONG:
        return ""
    panel = exhibit.opened
    cells, name = exhibit.values[panel], plain(exhibit.panels[panel])

    def said(value: float) -> str:
        return numbers.tidy(value, 2) if small else f"{value:.2f}"

    of = f" ({name})" if name else ""
    axes = (plain(exhibit.row_axis or "row"), plain(exhibit.column_axis or "column"))
    if min(len(rows), len(columns)) <= NARROW and len(columns) <= LONG:
        written = [["" if v is None else said(v) for v in line] for line in cells]
        if len(columns) > NARROW:  # the longer side downwards
            rows, columns, axes, written = (
                columns,
                rows,
                axes[::-1],
                [list(line) for line in zip(*written, strict=True)],
            )
        whole = table(("", *columns), ([row, *line] for row, line in zip(rows, written, strict=True)))
        return f"Rows: {axes[0]}; columns: {axes[1]}{of}:\n\n{whole}"
    lines = []
    for row, line in zip(rows, cells, strict=True):
        known = [(v, c) for v, c in zip(line, columns, strict=True) if v is not None]
        if known:
            value, column = max(known)
            lines.append((row, column, said(value)))
    return f"The highest cell of each row{of}:\n\n{table((*axes, 'value'), lines, 2)}"
