"""How hyper-parameters were chosen: the settings of each sweep, and what choosing does to the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from lmcompare.analysis.sweeps import Tried, flattery, tried
from lmcompare.report import numbers
from lmcompare.report.charts.intervals import Row, intervals
from lmcompare.report.data import Model, ReportData, Section
from lmcompare.report.templating import fill
from lmcompare.runfolder.layout import CELLS
from lmcompare.runfolder.sweeps import Sweep

MOST_DRAWN = 30  # settings of more have a table alone


@dataclass(frozen=True)
class Shown:
    """The sweep of a model: its settings with their names, a chart, and what is said of them."""

    model: Model
    rows: Sequence[tuple[str, Tried]]
    chart: Markup | None
    claim: str
    said: str


def build(data: ReportData) -> Section | None:
    """Return the section, or None if no hyper-parameters were chosen by a sweep."""
    found = []
    for run in data.run.runs:
        for sweep in run.sweeps:
            folder = run.path / CELLS / sweep.name
            found += [_shown(m, sweep) for m in data.models if any(c.path.parent == folder for c in m.entry.cells)]
    if not found:
        return None
    return Section.of("sweeps", "How the hyper-parameters were chosen", fill("sweeps", sweeps=found))


def _shown(model: Model, sweep: Sweep) -> Shown:
    rows = [(_name(row), row) for row in tried(sweep)]
    known = [
        Row(name, model.index, row.bits_per_byte, row.low, row.high)
        for name, row in rows
        if row.bits_per_byte is not None and row.error is None
    ]
    chart = None
    if 1 < len(known) <= MOST_DRAWN:
        chart = intervals(
            known,
            f"Bits per byte of validation text of {model.title}, a row for each setting",
            "Bits per byte of validation text (less is better)",
            numbers.tidy,
            numbers.bits_per_byte,
        )
    best = numbers.listed([name for name, row in rows if row.chosen])
    return Shown(model, rows, chart, f"The best of {len(rows)} settings on validation text is {best}", honest(sweep))


def honest(sweep: Sweep) -> str:
    """Return what choosing does to the figures of the setting that was chosen."""
    by = flattery(sweep)
    much = (
        "by an amount that so few documents do not tell"
        if by is None
        else f"by at most about {numbers.two_digits(by)} bits per byte"
        if by >= 0.0005
        else "by less than 0.001 bits per byte"
    )
    return (
        f"It was chosen among {len(sweep.trials)} settings on the validation text, which flatters its figure there"
        f" {much}; its figure on the test text is not flattered, since no other setting was scored on that text."
    )


def _name(row: Tried) -> str:
    return ", ".join(f"{key} = {_plain(value)}" for key, value in row.setting.items())


def _plain(value: object) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
