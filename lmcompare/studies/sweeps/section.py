"""How hyper-parameters were chosen: the settings of each sweep, and what choosing does to the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from lmcompare.analysis.sweeps import Tried, flattery, tried
from lmcompare.render import numbers
from lmcompare.render.charts.intervals import Row, intervals
from lmcompare.render.charts.scatter import Dot, cloud
from lmcompare.report.data import Model, ReportData, Section
from lmcompare.runfolder.cell import Sweep
from lmcompare.runfolder.layout import CELLS

MOST_DRAWN = 30  # a sweep with more settings has only a table
LUCK = (
    " A seed is luck, not a property of the model: a model of this kind is usually worse than the best of several"
    " trainings, on the test text as well. For a fair comparison, give each model the same seeds (--seed)."
)


@dataclass(frozen=True)
class Slice:
    """How the figures depend on one of the hyper-parameters that were varied."""

    key: str
    claim: str
    chart: Markup


@dataclass(frozen=True)
class Shown:
    """The sweep of a model: its settings, with their names and values, charts, and sentences on them."""

    model: Model
    keys: Sequence[str]
    rows: Sequence[Tried]
    chart: Markup | None
    slices: Sequence[Slice]
    claim: str
    proposed: str
    said: str


def build(data: ReportData) -> Section | None:
    """Return the section, or None if no hyper-parameters were chosen by a sweep."""
    found = []
    for run in data.run.runs:
        for sweep in run.sweeps:
            folder = run.path / CELLS / sweep.name
            found += [shown(m, sweep) for m in data.models if any(c.path.parent == folder for c in m.entry.cells)]
    if not found:
        return None
    title = "How the hyper-parameters were chosen"
    return Section.written("sweeps", title, __package__, sweeps=found, plain=plain)


def shown(model: Model, sweep: Sweep) -> Shown:
    """Return what the section shows of a sweep."""
    rows = tried(sweep)
    keys = list(dict.fromkeys(key for row in rows for key in row.setting))
    known = [row for row in rows if row.valid_bits_per_byte is not None and row.error is None]
    several = len(keys) > 1 or len(known) > MOST_DRAWN
    slices = [found for key in keys if several and (found := _slice(model, sweep, key, known)) is not None]
    chart = _intervals(model, known) if not slices and 1 < len(known) <= MOST_DRAWN else None
    best = numbers.listed([_name(row) for row in rows if row.chosen])
    end = f", the {extreme} that was tried" if len(keys) == 1 and (extreme := _extreme(known, keys[0])) else ""
    claim = f"The best of {len(rows)} settings on validation text is {best}{end}"
    return Shown(model, keys, rows, chart, slices, claim, proposed(sweep), honest(sweep))


def _intervals(model: Model, rows: Sequence[Tried]) -> Markup:
    """Return a row for each setting: its name, or its values alone if it has several."""
    return intervals(
        [
            Row(
                ", ".join(map(plain, row.setting.values())) if len(row.setting) > 1 else _name(row),
                model.index,
                row.valid_bits_per_byte or 0.0,
                row.low,
                row.high,
            )
            for row in rows
        ],
        f"Bits per byte of validation text of {model.title}, a row for each setting",
        "Bits per byte of validation text",
        numbers.tidy,
        numbers.bits_per_byte,
    )


def _slice(model: Model, sweep: Sweep, key: str, rows: Sequence[Tried]) -> Slice | None:
    """Return the figures over a hyper-parameter; None for one that has no numbers, or two of them at most."""
    if not _has_scale(rows, key):
        return None
    dots = [Dot(_name(row), model.index, row.setting[key], row.valid_bits_per_byte or 0.0) for row in rows]
    (best,) = (dot for dot, row in zip(dots, rows, strict=True) if row.chosen)
    space = sweep.varied.get(key)
    chart = cloud(
        dots,
        best,
        f"Bits per byte of validation text of {model.title} by its {key}, a mark for each setting",
        key,
        "Bits per byte of validation text",
        numbers.tidy,
        numbers.tidy,
        log=bool(space["log"]) if isinstance(space, Mapping) else None,
    )
    if extreme := _extreme(rows, key):
        other = extreme.replace("est", "er")
        claim = f"The best is {plain(best.x)}, the {extreme} that was tried: a {other} one may be better"
        return Slice(key, claim, chart)
    return Slice(key, f"The best is {plain(best.x)}", chart)


def _has_scale(rows: Sequence[Tried], key: str) -> bool:
    """Return whether a hyper-parameter has at least three values, all of them numbers on a scale."""
    values = [row.setting[key] for row in rows]
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return key != "seed" and numeric and len(set(values)) >= 3


def _extreme(rows: Sequence[Tried], key: str) -> str:
    """Return "largest" or "smallest" if the chosen value is that of all that were tried, or else ""."""
    if not _has_scale(rows, key):
        return ""
    values = [row.setting[key] for row in rows]
    (best,) = (row.setting[key] for row in rows if row.chosen)
    return "largest" if best == max(values) else "smallest" if best == min(values) else ""


def proposed(sweep: Sweep) -> str:
    """Return how the settings were found, and in which figure they can be compared."""
    said = []
    if sweep.search:
        tpe = sweep.search["method"] == "tpe"
        optuna = f"Optuna {sweep.search['optuna']}" if "optuna" in sweep.search else "Optuna"
        how = f"by TPE of {optuna}, which learns from the figures of earlier settings" if tpe else "at random"
        ranges = [
            f"{key} from {plain(each['low'])} to {plain(each['high'])}"
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
        "by an amount that cannot be estimated from so few documents"
        if by is None
        else f"by at most about {numbers.two_digits(by)} bits per byte"
        if by >= 0.0005
        else "by less than 0.001 bits per byte"
    )
    return (
        f"The best of {len(sweep.trials)} settings was chosen on the validation text, which flatters its figure there"
        f" {much}; its figure on the test text is not flattered, since no other setting was scored on that text."
        f"{LUCK if 'seed' in sweep.varied else ''}"
    )


def _name(row: Tried) -> str:
    return ", ".join(f"{key} = {plain(value)}" for key, value in row.setting.items())


def plain(value: object) -> str:
    """Return a value as a reader writes it."""
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
