"""How hyper-parameters were chosen: the settings of each sweep, and what choosing does to the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
LUCK = (
    " A seed is luck, and no property of the model: a model of this kind is usually worse than the best of several"
    " trainings, on the test text as well. For a fair comparison, give each model the same seeds (--seed)."
)


@dataclass(frozen=True)
class Shown:
    """The sweep of a model: its settings with their names, a chart, and what is said of them."""

    model: Model
    rows: Sequence[tuple[str, Tried]]
    chart: Markup | None
    claim: str
    proposed: str
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
        Row(name, model.index, row.valid_bits_per_byte, row.low, row.high)
        for name, row in rows
        if row.valid_bits_per_byte is not None and row.error is None
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
    claim = f"The best of {len(rows)} settings on validation text is {best}"
    return Shown(model, rows, chart, claim, proposed(sweep), honest(sweep))


def proposed(sweep: Sweep) -> str:
    """Return how the settings were found, and in which figure they can be compared."""
    said = []
    if sweep.search:
        tpe = sweep.search["method"] == "tpe"
        how = "by TPE, which learns from the figures of earlier settings" if tpe else "at random"
        ranges = [
            f"{key} from {_plain(each['low'])} to {_plain(each['high'])}"
            for key, each in sweep.varied.items()
            if isinstance(each, Mapping)
        ]
        said.append(f"The settings were proposed {how}{': ' if ranges else ''}{numbers.listed(ranges)}.")
    if any(key.partition(".")[0] == "tokens" for key in sweep.varied):
        said.append("Their vocabularies differ: bits per byte compares them, and perplexity does not.")
    return " ".join(said)


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
        f"{LUCK if 'seed' in sweep.varied else ''}"
    )


def _name(row: Tried) -> str:
    return ", ".join(f"{key} = {_plain(value)}" for key, value in row.setting.items())


def _plain(value: object) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
