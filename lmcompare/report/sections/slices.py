"""Where each model is good: surprisal by kind of token, bits per byte by kind of document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from lmcompare.analysis.slices import MOST_KEYS, iterate, metadata_keys, slices
from lmcompare.analysis.word_slices import spent, word_slices
from lmcompare.report import numbers
from lmcompare.report.charts.bins import Series, bins
from lmcompare.report.data import Model, ReportData, Section
from lmcompare.report.templating import fill

DOCUMENTS = 40  # in the table
NAMED = 6  # of more models than these, a caption gives only the extremes
JOINED_FROM = {  # the first of the bins that a line joins; 0 times is unknown
    **dict.fromkeys(("word_class", "repeated", "repeated_rare", "word_kind", "word_repeated", "word_repeated_rare")),
    "train_count": 1,
    "word_train_count": 1,
}


@dataclass(frozen=True)
class Slice:
    """One division of the test text; ``counts`` are the tokens or documents in each bin."""

    title: str
    chart: Markup
    labels: Sequence[str]
    counts: Sequence[int]
    counted: str
    rows: Sequence[tuple[Model, Sequence[str]]]
    caption: str


def build(data: ReportData) -> Section | None:
    """Return the section, or None if no model can be compared. Models of different tokens are compared at words."""
    if not data.comparable:
        return None
    unit = "token" if len({model.entry.tokens_fingerprint for model in data.comparable}) == 1 else "word"
    tables = dict(slices(data.run))
    if unit == "word":
        of_documents = {name: rows for name, rows in tables.items() if "surprisal" not in rows}
        tables = {**word_slices(data.run), **of_documents}
    found = [
        one
        for name, title, rows in iterate(tables)
        if name != "document" and (one := _slice(name, title, rows, data.comparable, unit)) is not None
    ]
    documents = _documents(tables["document"], data.comparable)
    bits = spent(data.run).to_dict("records")
    html = fill(
        "slices",
        slices=found,
        documents=documents,
        board=_board(tables["document"], data.comparable),
        unit=unit,
        most_keys=MOST_KEYS,
        left_out=len(metadata_keys(data.run)[MOST_KEYS:]),
        spent=[(data.by_name[row["model"]], row) for row in bits if data.by_name[row["model"]] in data.comparable],
        models=data.comparable,
    )
    return Section.of("wins", "Where each model is good", html)


def _slice(name: str, title: str, rows: pd.DataFrame, models: Sequence[Model], unit: str) -> Slice | None:
    measure = "surprisal" if "surprisal" in rows else "bits_per_byte"
    rows = rows[rows["model"].isin([model.name for model in models])]
    places = sorted(set(rows["place"]))
    if len(places) < 2:
        return None  # a single bin repeats the leaderboard
    counted = f"{unit}s" if measure == "surprisal" else "documents"
    first = rows[rows["model"] == models[0].name].set_index("place")
    labels = [str(first["value"].get(p, p)) for p in places]
    counts = [int(first[counted].get(p, 0)) for p in places]
    series = []
    for model in models:
        mine = rows[rows["model"] == model.name].set_index("place")
        series.append(Series(model.title, model.index, *(_column(mine, c, places) for c in (measure, "low", "high"))))
    axis = f"Surprisal (bits per {unit})" if measure == "surprisal" else "Bits per byte"
    spoken = title[0].upper() + title[1:]
    label = f"{axis}: {title}, for each model"
    chart = bins(labels, series, label, axis, numbers.tidy, JOINED_FROM.get(name, 0))
    shown = [(m, [numbers.decimals(v, 2) for v in s.values]) for m, s in zip(models, series, strict=True)]
    said = caption(labels, series)
    if name == "seen_order":
        said = f"{said} {new_and_known(labels, counts, series)}".strip()
    return Slice(spoken, chart, labels, counts, counted, shown, said)


def caption(labels: Sequence[str], series: Sequence[Series]) -> str:
    """Return which model is best in which bins; "" if one model is best in all of them."""
    best: dict[str, list[str]] = {}
    for i, label in enumerate(labels):
        known = [(v, s.name) for s in series if (v := s.values[i]) is not None]
        if known:
            best.setdefault(min(known)[1], []).append(label)
    if len(best) < 2:
        return ""
    most = max(best, key=lambda name: len(best[name]))
    rest = [f"{name} for {numbers.listed(_ranges(found, labels))}" for name, found in best.items() if name != most]
    return f"{most} is best in {len(best[most])} of {len(labels)} groups, {numbers.listed(rest)}."


def new_and_known(labels: Sequence[str], counts: Sequence[int], series: Sequence[Series]) -> str:
    """Return what each model needs where even the word pair is unseen, and who is best where most is seen."""
    if len(labels) < 2 or labels[0] != "1" or not sum(counts):
        return ""
    new = sorted((v, s.name) for s in series if (v := s.values[0]) is not None)
    known = sorted((v, s.name) for s in series if (v := s.values[-1]) is not None)
    if len(new) < 2 or not known:
        return ""
    shares = [numbers.percent(count / sum(counts), 0) for count in counts]
    parts = [f"{name} {value:.2f}" for value, name in new]
    needs = numbers.listed(parts) if len(parts) <= NAMED else f"from {parts[0]} to {parts[-1]}"
    return (
        f"For {shares[0]} of the tokens even the word pair is unseen. They are chosen by what came, which favours"
        f" models that spread their probability. Bits per token there: {needs}. For {shares[-1]} a sequence of"
        f" {labels[-1]} tokens is known; there {known[0][1]}"
        f" needs the fewest, {known[0][0]:.2f}."
    )


def _ranges(chosen: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Return labels in quotes, with three or more neighbours as a range."""
    found = []
    for run in numbers.runs(labels.index(label) for label in chosen):
        named = [f"“{labels[i]}”" for i in run]
        found += [f"{named[0]} to {named[-1]}"] if len(named) > 2 else named
    return found


def _column(rows: pd.DataFrame, column: str, places: Sequence[int]) -> list[float | None]:
    values = rows[column]
    found = [float(values[p]) if p in values.index else float("nan") for p in places]
    return [v if abs(v) != float("inf") and v == v else None for v in found]


@dataclass(frozen=True)
class Board:
    """A table of test documents; ``rows`` are name, bytes and the bits per byte of each of the ``models``."""

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
    title = "All documents"
    if len(wide) > DOCUMENTS:
        apart = wide.max(axis=1) - wide.min(axis=1)
        title = f"The {DOCUMENTS} of {numbers.count(len(wide))} documents on which the models differ most"
        wide = wide.loc[apart.sort_values(ascending=False, kind="stable").index[:DOCUMENTS]]
    first = rows[rows["model"] == models[0].name].set_index("place")
    names, sizes = first["value"].astype(str), first["bytes"]
    return Board(title, models, [(names[p], int(sizes[p]), [float(v) for v in wide.loc[p]]) for p in wide.index])


def _documents(rows: pd.DataFrame, models: Sequence[Model]) -> str:
    """Return on how many test documents each model is the best."""
    wide = rows[rows["model"].isin([m.name for m in models])].pivot(
        index="place", columns="model", values="bits_per_byte"
    )
    if wide.empty or len(models) < 2:
        return ""
    wins = wide.idxmin(axis=1).value_counts()
    title = {model.name: model.title for model in models}
    parts = [f"{title[str(name)]} for {numbers.count(n)}" for name, n in wins.items()]
    documents = numbers.plural(len(wide), "test document")
    if len(parts) == 1:
        return f"{title[str(wins.index[0])]} is the best model in all of the {documents}."
    return f"The best model differs between documents. Of {documents}, it is {numbers.listed(parts)}."
