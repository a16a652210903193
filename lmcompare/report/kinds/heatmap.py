"""Draws heat maps, for example attention weights with one panel a head."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from lmcompare.exhibits import Heatmap
from lmcompare.report import numbers
from lmcompare.report.kinds.rendering import Rendering
from lmcompare.report.markdown import plain, table
from lmcompare.report.templating import fill
from lmcompare.report.tokens import visible

TABLE_CELLS = 2500  # a panel with more cells is shown as a picture alone
WIDE = 12  # columns beyond which half the page is too narrow
WARM, COOL = (0xE8, 0x6A, 0x2C), (0x3C, 0x88, 0xD8)  # legible on light and dark paper, as opacity carries the amount
Panel = Sequence[Sequence[float | None]]


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
        if peak <= 1:
            return cls(100, 0, "in hundredths", 100 * peak)
        if peak < 1000:
            return cls(1, 1 if peak < 100 else 0, "", peak)
        return cls(100 / peak, 0, f"in hundredths of {numbers.tidy(peak)}", 100.0)

    def of_cell(self, value: float | None) -> float | None:
        """Return the number that is written in a cell."""
        return None if value is None else round(value * self.factor, self.places) + 0.0  # no minus before zero

    def written(self, number: float) -> str:
        """Return a number of ``of_cell`` as text."""
        return f"{number:.{self.places}f}".replace("-", "−")


def render(exhibit: Heatmap) -> Rendering:
    """Draw every panel as a small picture and one of them as a table with its numbers."""
    peak = max((abs(v) for panel in exhibit.values for v in _cells(panel)), default=0.0) or 1.0
    scale = Scale.of(peak)
    panel, row = exhibit.opens or (0, len(exhibit.rows) - 1)
    rows, columns = ([visible(label) for label in labels] for labels in (exhibit.rows, exhibit.columns))
    as_table = len(rows) * len(columns) <= TABLE_CELLS
    steps = [(name, [[_rounded(line) for line in panel] for panel in panels]) for name, panels in exhibit.steps]
    several = len(exhibit.panels) > 1 or bool(steps)
    shown = [[[scale.of_cell(v) for v in line] for line in panel] for panel in exhibit.values]
    html = fill(
        "kinds/heatmap",
        exhibit=exhibit,
        rows=rows,
        columns=columns,
        panels=[
            {"name": name, "image": picture(panel, peak)}
            for name, panel in zip(exhibit.panels, exhibit.values, strict=True)
        ],
        opened=panel,
        opened_row=row,
        first=shown[panel] if shown else [],
        data={
            "panels": shown,
            "peak": scale.peak,
            "places": scale.places,
            "steps": [panels for _, panels in steps],
        }
        if as_table and shown and several
        else None,
        as_table=as_table,
        wide=bool(steps) or len(columns) > WIDE,
        steps=[(name, panels[panel][row]) for name, panels in steps] if shown and rows else [],
        peak=peak,
        scale=scale,
    )
    return Rendering(html, reading(exhibit), _markdown(exhibit))


def reading(exhibit: Heatmap) -> str:
    """Return a sentence on the strongest cell.

    If rows and columns are the same and no cell is ahead of its row, add which panels look least and furthest back.
    """
    best: tuple[float, str, str, str] | None = None
    # A row with one or two cells, such as the first rows under a causal mask, cannot but have a strong one.
    widths = [sum(v is not None for v in line) for panel in exhibit.values for line in panel]
    enough = min(3, max(widths, default=0))
    for name, panel in zip(exhibit.panels, exhibit.values, strict=True):
        for row, line in zip(exhibit.rows, panel, strict=True):
            if sum(v is not None for v in line) < enough:
                continue
            for column, value in zip(exhibit.columns, line, strict=True):
                if value is not None and (best is None or abs(value) > abs(best[0])):
                    best = (value, name, visible(row), visible(column))
    if best is None:
        return "It has no cells."
    where = f" in {best[1]}" if len(exhibit.panels) > 1 else ""
    aside = ", short rows aside" if any(0 < width < enough for width in widths) else ""
    axes = exhibit.row_axis or "row", exhibit.column_axis or "column"
    cell = f"{visible(axes[0])} “{best[2]}”, {visible(axes[1])} “{best[3]}”"
    said = f"Strongest{aside}: {cell}{where}, {numbers.decimals(best[0], 2)}"
    if len(exhibit.panels) > 1 and exhibit.rows == exhibit.columns:
        backs = [distance for panel in exhibit.values if (distance := _distance(panel)) is not None]
        if backs and len(backs) == len(exhibit.panels):
            near, far = min(range(len(backs)), key=backs.__getitem__), max(range(len(backs)), key=backs.__getitem__)
            said += (
                f". On average {exhibit.panels[near]} looks {backs[near]:.1f} tokens back and {exhibit.panels[far]}"
                f" {backs[far]:.1f}"
            )
    return said + "."


def picture(panel: Panel, peak: float) -> str:
    """Return the panel as a PNG of one pixel a cell in a ``data:`` address; opacity is the amount over ``peak``."""
    height, width = len(panel), len(panel[0]) if panel else 0
    rows = bytearray()
    for line in panel:
        rows.append(0)  # no filter
        for value in line:
            amount = 0.0 if value is None else value / peak
            rows += bytes((*(WARM if amount >= 0 else COOL), round(255 * min(1.0, abs(amount)))))
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)  # eight bits, RGBA
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    return "data:image/png;base64," + base64.b64encode(data).decode()


def _cells(panel: Panel) -> list[float]:
    return [v for line in panel for v in line if v is not None]


def _rounded(line: Sequence[float | None]) -> list[float | None]:
    """Return a line of a step, rounded as it is shown."""
    return [None if v is None else round(v, 2) for v in line]


def _distance(panel: Panel) -> float | None:
    """Return the mean distance that rows look back, weighted; None if a cell is negative or ahead of its row."""
    total = weight = 0.0
    for i, line in enumerate(panel):
        for j, value in enumerate(line):
            if value is not None:
                if value < 0 or j > i:
                    return None
                total, weight = total + value * (i - j), weight + value
    return total / weight if weight else None


def _markdown(exhibit: Heatmap) -> str:
    """Return, for each row, the column with the greatest cell of the panel shown first."""
    if not exhibit.values or len(exhibit.rows) > 40:
        return ""
    lines = []
    panel = exhibit.opens[0] if exhibit.opens else 0
    for row, line in zip(exhibit.rows, exhibit.values[panel], strict=True):
        known = [(v, c) for v, c in zip(line, exhibit.columns, strict=True) if v is not None]
        if known:
            value, column = max(known)
            lines.append((plain(visible(row)), plain(visible(column)), f"{value:.2f}"))
    name = f" ({plain(exhibit.panels[panel])})" if exhibit.panels[panel] else ""
    return table(
        (plain(exhibit.row_axis or "row"), f"strongest {plain(exhibit.column_axis or 'column')}{name}", "value"),
        lines,
        2,
    )
