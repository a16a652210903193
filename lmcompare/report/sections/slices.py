"""Where each model wins: surprisal by what the token is like, bits per byte by what the document is like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from lmcompare.analysis.slices import iterate, slices
from lmcompare.report import numbers
from lmcompare.report.charts.bins import Series, bins
from lmcompare.report.data import Model, ReportData, Section
from lmcompare.report.markdown import plain, table
from lmcompare.report.templating import anchor, fill

DOCUMENTS = 40  # in the table
FEW = 100  # a bin with fewer tokens is too thin to be read out
UNORDERED = ("word_class", "repeated", "repeated_rare")  # no line leads from one kind to the next
UNITS = {
    "surprisal": ("Surprisal (bits per token)", "bits a token"),
    "bits_per_byte": ("Bits per byte", "bits per byte"),
}


@dataclass(frozen=True)
class Slice:
    """One way to cut the test text, drawn and read. ``counts``: how many tokens (documents) each bin holds."""

    key: str
    title: str
    chart: Markup
    labels: Sequence[str]
    counts: Sequence[int]
    counted: str
    rows: Sequence[tuple[Model, Sequence[str]]]
    reading: str


def build(data: ReportData) -> Section | None:
    """Return the section, or None where no model can be compared."""
    models = [m for m in data.comparable if m.entry.tokens_fingerprint == data.main_tokens]
    if not models:
        return None
    tables = slices(data.run)
    found = [
        one
        for name, title, rows in iterate(tables)
        if name != "document"
        and (one := _slice(name, title, rows, models if "surprisal" in rows else data.comparable)) is not None
    ]
    documents = _documents(tables["document"], data.comparable)
    left_out = [m for m in data.comparable if m not in models]
    html = fill(
        "slices",
        slices=found,
        documents=documents,
        board=_board(tables["document"], data.comparable),
        left_out=left_out,
        models=data.comparable,
    )
    parts = [
        f"**{plain(s.title)}.** {plain(s.reading)}\n\n![{plain(s.title)}](charts/wins-{s.key}.svg)\n\n"
        + table((f"{s.counted}", *map(plain, s.labels)), [("count", *map(numbers.count, s.counts)), *_cells(s)])
        for s in found
    ]
    charts = {f"wins-{s.key}.svg": s.chart for s in found}
    return Section("wins", "Where each model wins", html, "\n\n".join([*parts, plain(documents)]), charts)


def _cells(one: Slice) -> list[tuple[str, ...]]:
    return [(plain(model.name), *texts) for model, texts in one.rows]


def _slice(name: str, title: str, rows: pd.DataFrame, models: Sequence[Model]) -> Slice | None:
    measure = "surprisal" if "surprisal" in rows else "bits_per_byte"
    rows = rows[rows["model"].isin([model.name for model in models])]
    places = sorted(set(rows["place"]))
    if len(places) < 2:
        return None  # a single bin says what the leaderboard says
    counted = "tokens" if measure == "surprisal" else "documents"
    first = rows[rows["model"] == models[0].name].set_index("place")
    labels = [str(first["value"].get(p, p)) for p in places]
    counts = [int(first[counted].get(p, 0)) for p in places]
    series = []
    for model in models:
        mine = rows[rows["model"] == model.name].set_index("place")
        series.append(Series(model.name, model.index, *(_column(mine, c, places) for c in (measure, "low", "high"))))
    axis, unit = UNITS[measure]
    spoken = title[0].upper() + title[1:]
    spoken_of = f"{axis} {title}, for each model"
    chart = bins(labels, series, spoken_of, "", axis, numbers.tidy, log=False, joined=name not in UNORDERED)
    shown = [(m, [numbers.decimals(v, 2) for v in s.values]) for m, s in zip(models, series, strict=True)]
    said = reading(labels, counts, series, unit)
    if name == "seen_order":
        said += new_and_known(labels, counts, series)
    return Slice(anchor(name), spoken, chart, labels, counts, counted, shown, said)


def reading(labels: Sequence[str], counts: Sequence[int], series: Sequence[Series], unit: str) -> str:
    """Say who is best in which bins, and in which bin the best and the worst are furthest apart."""
    best: dict[str, list[str]] = {}
    gap, widest = -1.0, ""
    for i, label in enumerate(labels):
        known = sorted((v, s.name) for s in series if (v := s.values[i]) is not None)
        if not known:
            continue
        best.setdefault(known[0][1], []).append(label)
        if known[-1][0] - known[0][0] > gap and (counts[i] >= FEW or max(counts) < FEW):
            gap = known[-1][0] - known[0][0]
            widest = (
                f"“{label}”, where {known[0][1]} needs {known[0][0]:.2f} {unit} and {known[-1][1]} {known[-1][0]:.2f}"
            )
    most = max(best, key=lambda name: len(best[name]))
    if len(best) == 1:
        said = f"{most} has the lowest figure everywhere"
    else:
        rest = [
            f"{name} for {numbers.listed(_ranges(found, labels))}" for name, found in best.items() if name != most
        ]
        said = f"{most} has the lowest figure in {len(best[most])} of {len(labels)} cases, {numbers.listed(rest)}"
    return f"{said}; the models are furthest apart at {widest}." if gap > 0 and len(series) > 1 else said + "."


def new_and_known(labels: Sequence[str], counts: Sequence[int], series: Sequence[Series]) -> str:
    """Say what each model needs where even the pair of words is new to train, and who is best where most is known."""
    if len(labels) < 2 or labels[0] != "1" or not sum(counts):
        return ""
    new = sorted((v, s.name) for s in series if (v := s.values[0]) is not None)
    known = sorted((v, s.name) for s in series if (v := s.values[-1]) is not None)
    if len(new) < 2 or not known:
        return ""
    first, *others = (f"{name} {value:.2f}" for value, name in new)

    def share(at: int) -> str:
        return numbers.percent(counts[at] / sum(counts), 0)

    return (
        f" Where even the pair of words is new to train, {share(0)} of the tokens, a table of counts has nothing to"
        f" go by: {first} bits a token, {numbers.listed(list(others))}. Where {labels[-1]} in a row are known"
        f" ({share(-1)}) {known[0][1]} needs least, {known[0][0]:.2f}."
    )


def _ranges(chosen: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Return labels in quotes, three and more neighbours as from … to."""
    runs: list[list[str]] = []
    for label in chosen:
        if runs and labels.index(label) == labels.index(runs[-1][-1]) + 1:
            runs[-1].append(label)
        else:
            runs.append([label])
    return [
        text
        for run in runs
        for text in ([f"“{run[0]}” to “{run[-1]}”"] if len(run) > 2 else [f"“{label}”" for label in run])
    ]


def _column(rows: pd.DataFrame, column: str, places: Sequence[int]) -> list[float | None]:
    values = rows[column]
    found = [float(values[p]) if p in values.index else float("nan") for p in places]
    return [v if abs(v) != float("inf") and v == v else None for v in found]


@dataclass(frozen=True)
class Board:
    """Test documents in a table: ``rows`` are name, bytes and the bits per byte of each of the ``models``; ``title``
    says which they are.
    """

    title: str
    models: Sequence[Model]
    rows: Sequence[tuple[str, int, Sequence[float]]]


def _board(rows: pd.DataFrame, models: Sequence[Model]) -> Board | None:
    """Return the table of all documents, or of those on which the models differ most; None without any."""
    wide = rows[rows["model"].isin([m.name for m in models])].pivot(
        index="place", columns="model", values="bits_per_byte"
    )
    wide = wide[[m.name for m in models]].dropna()
    if wide.empty:
        return None
    title = "Every document"
    if len(wide) > DOCUMENTS:
        apart = wide.max(axis=1) - wide.min(axis=1)
        title = f"The {DOCUMENTS} of {numbers.count(len(wide))} documents on which the models differ most"
        wide = wide.loc[apart.sort_values(ascending=False, kind="stable").index[:DOCUMENTS]]
    first = rows[rows["model"] == models[0].name].set_index("place")
    names, sizes = first["value"].astype(str), first["bytes"]
    return Board(title, models, [(names[p], int(sizes[p]), [float(v) for v in wide.loc[p]]) for p in wide.index])


def _documents(rows: pd.DataFrame, models: Sequence[Model]) -> str:
    """Say on how many test documents each model is the best."""
    wide = rows[rows["model"].isin([m.name for m in models])].pivot(
        index="place", columns="model", values="bits_per_byte"
    )
    if wide.empty or len(models) < 2:
        return ""
    wins = wide.idxmin(axis=1).value_counts()
    parts = [f"{name} on {numbers.count(n)}" for name, n in wins.items()]
    documents = numbers.plural(len(wide), "test document")
    return f"Of {documents}, the model with the fewest bits per byte is {numbers.listed(parts)}."
