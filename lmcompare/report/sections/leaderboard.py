"""The leaderboard: ranked models with their intervals, and separately those that are not ranked, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from lmcompare.analysis.comparison import MOST_PAIRED, Difference
from lmcompare.analysis.joined import same_tokenizer
from lmcompare.analysis.leaderboard import PER_TOKEN, Row, Status
from lmcompare.render import numbers
from lmcompare.render.charts import intervals as charts
from lmcompare.report.data import Model, ReportData, Section, grouped
from lmcompare.report.notes import (
    best_compressor,
    compressors_in_brief,
    compressors_of,
    published_apart,
    published_figure,
    published_notes,
    sampled_notes,
)

SAME = 1e-9  # bits per byte: smaller spreads are rounding of a mean of equal figures
STRIP = (8.0, 160.0)  # left and right end of the intervals in the table, in pixels
ADAPTIVE = (
    "An adaptive model has learnt from all test documents before the one that is scored. The models above start every"
    " document without that knowledge, which is harder, so the two kinds are not compared."
)
PRETRAINED = (
    "was pre-trained on other text, possibly including this test text: its figures do not measure what the training"
    " text taught it."
)
BOARDS: tuple[tuple[Status, str, str], ...] = (
    ("ranked", "", ""),
    ("adaptive", "Models that learn across test documents", ADAPTIVE),
)


def per_token(row: Row, *, own: bool = False) -> list[str]:
    """Return the figures of ``PER_TOKEN`` as text; ``own`` if they are shown among models with the same tokens."""
    shown = replace(row, same_tokens=True) if own else row
    figures = [(key, shown.figure(key)) for key in PER_TOKEN]
    return [numbers.percent(v) if key.endswith("accuracy") else numbers.perplexity(v) for key, v in figures]


@dataclass(frozen=True)
class Line:
    """A model with its row of the leaderboard, and its interval as a drawing."""

    model: Model
    row: Row
    strip: Markup | None = None

    @property
    def interval(self) -> str:
        """The 95 % interval as text, "" without one."""
        ends = self.row.interval
        return f"{numbers.bits_per_byte(ends[0])} to {numbers.bits_per_byte(ends[1])}" if ends else ""

    @property
    def ranks(self) -> str:
        """The range of its ranks."""
        return numbers.ranks(self.row.rank_low, self.row.rank_high)

    @property
    def figure(self) -> str:
        """Its bits per byte, infinite if it gave probability 0 to a token."""
        value = self.row.compared
        return numbers.bits_per_byte(float("inf") if value is None and self.row.zero_probability_tokens else value)

    @property
    def tags(self) -> list[str]:
        """What a reader should know about the model at a glance."""
        found = [word for word in ("adaptive", "pretrained") if self.model.entry.traits.get(word)]
        if (seeds := len(self.row.seeds)) > 1:
            spread = self.row.bits_per_byte_spread
            known = "" if spread is None else f", standard deviation {numbers.bits_per_byte(spread)}"
            same = spread is not None and spread < SAME
            found.append(f"same figure with all {seeds} seeds" if same else f"mean of {seeds} seeds{known}")
        if self.model.entry.failed:
            found.append(f"{numbers.plural(len(self.model.entry.failed), 'seed')} failed")
        return found

    @property
    def failed_checks(self) -> list[str]:
        """The findings of the validity checks that failed, each check once."""
        found: dict[str, str] = {}
        for check in self.model.entry.failed_checks:
            found.setdefault(str(check["name"]), f"{check['name']}: {check.get('detail') or 'no detail'}")
        return list(found.values())


@dataclass(frozen=True)
class Board:
    """One table of models that are ranked together."""

    title: str
    note: str
    lines: Sequence[Line]
    axis: Markup | None
    overhead: str


@dataclass(frozen=True)
class OtherTokens:
    """Models with other tokens than most: the tokens' name, how they differ, and the rows."""

    name: str
    why: str
    lines: Sequence[Line]


def build(data: ReportData, still: bool = False) -> Section:
    """Return the section."""
    return Section.written("leaderboard", "Leaderboard", "lmcompare.report", "leaderboard", still, **facts(data))


def facts(data: ReportData, prefix: str = "") -> dict[str, Any]:
    """Return the template's values; ``prefix`` goes before its ids if a page has several."""
    boards = [board for each in BOARDS if (board := _board(data, *each)) is not None]
    names = {row.name for row in data.rows}
    differences = [_as_saved(d) for d in data.comparison.differences if {d.first, d.second} <= names]
    return {
        "prefix": prefix,
        "boards": boards,
        "unranked": [Line(model, row) for model, row in data.with_status("not ranked")],
        "further": [Line(data.by_name[row.name], row) for row in data.all_rows if row.name not in names],
        "failed": [model for model in data.models if not model.entry.done],
        "others": _other_tokens(data, [line for board in boards for line in board.lines]),
        "main": data.run.tokens_name(data.main_tokens) if data.main_tokens else "",
        "warnings": _pretrained(boards),
        "note": data.results["interval"]["note"],
        "apart": data.is_of_a_part,
        "sampled": sampled_notes(data.results),
        "comparison": data.comparison,
        "differences": sorted(differences, key=lambda d: d.p_holm),
        "all_pairs": max(Counter(s.group for s in data.comparison.standings).values(), default=0) <= MOST_PAIRED,
        "most_paired": MOST_PAIRED,
        "summary": _significant(data, differences),
        "by_name": data.by_name,
        "per_token": per_token,
        "keys": PER_TOKEN,
        "published": [row for row in data.results["published"] if row["reason"] is None],
        "remarks": [*published_notes(data.results), *published_apart(data.results)],
        "shown_figure": published_figure,
        "compressors": (programs := compressors_of(data.run.corpus.compressors)),
        "in_brief": compressors_in_brief(programs),
    }


def chart(data: ReportData, titles: Mapping[str, str]) -> Markup | None:
    """Return the intervals of the comparable models that have titles, the best first; None without any."""
    rows = [
        replace(_drawn(model, row), name=titles[model.name]) for model, row in data.ranking if model.name in titles
    ]
    label = "Bits per byte of every ranked model with its 95 % interval"
    title = "Bits per byte with 95 % interval (less is better)"
    known = {} if data.is_of_a_part else data.run.corpus.compressors  # these have read all of the text
    top = best_compressor(known)
    shown = sorted(
        (one for one in compressors_of(known) if one == top or one.name == "xz"), key=lambda one: one != top
    )
    marks = [(one.name, one.bits_per_byte) for one in shown]
    return charts.intervals(rows, label, title, numbers.tidy, numbers.bits_per_byte, marks=marks) if rows else None


def _board(data: ReportData, status: Status, title: str, note: str) -> Board | None:
    found = data.with_status(status)
    if not found:
        return None
    scale = charts.shared_scale([_drawn(model, row) for model, row in found], STRIP)
    lines = []
    for model, row in found:
        interval = Line(model, row).interval or "unknown"
        label = f"{model.title}: {numbers.bits_per_byte(row.compared)}, 95 % interval {interval}"
        lines.append(Line(model, row, charts.strip(_drawn(model, row), scale, label)))
    axis = charts.strip_axis(scale, numbers.tidy, "Axis of bits per byte")
    return Board(title, note, lines, axis, _overhead([row for _, row in found]))


def _drawn(model: Model, row: Row) -> charts.Row:
    value = float("nan") if row.compared is None else row.compared
    return charts.Row(model.title, model.index, value, *(row.interval or (None, None)))


def _other_tokens(data: ReportData, lines: Sequence[Line]) -> list[OtherTokens]:
    found = []
    for fp, models in grouped([line.model for line in lines]).items():
        if fp == data.main_tokens:
            continue
        why = "these models have other tokens"
        if same_tokenizer(data.run, fp, data.main_tokens):
            sizes = (numbers.count(data.run.manifest.tokens[each].types) for each in (fp, data.main_tokens))
            why = f"their vocabulary has {next(sizes)} types instead of {next(sizes)}"
        found.append(OtherTokens(data.run.tokens_name(fp), why, [line for line in lines if line.model in models]))
    return found


def _overhead(rows: Sequence[Row]) -> str:
    """The part of all figures that is the same for all models, if it is worth mentioning and the tokens are equal."""
    shared, best = rows[0].overhead_bits_per_byte, rows[0].compared
    if len({row.tokens_fingerprint for row in rows}) > 1 or shared is None or best is None or shared < 0.01 * best:
        return ""
    return (
        f"In each figure, {numbers.bits_per_byte(shared)} bits per byte are the same for all models: those for white"
        " space and for the spelling of unknown words. An n-gram model of bytes, which learnt from the rarest words"
        " of the training text, spells them."
    )


def _pretrained(boards: Sequence[Board]) -> list[str]:
    lines = [line for board in boards for line in board.lines]
    return [f"{line.model.title} {PRETRAINED}" for line in lines if line.model.entry.traits.get("pretrained")]


def _as_saved(d: Difference) -> Difference:
    """Return a difference so that the second model has the lower figure, and the difference is what it saves."""
    if d.difference >= 0:
        return d
    return replace(d, first=d.second, second=d.first, difference=-d.difference, low=-d.high, high=-d.low)


def _significant(data: ReportData, differences: Sequence[Difference]) -> str:
    ties = [f"{data.title(d.first)} and {data.title(d.second)}" for d in differences if not d.significant]
    if len(differences) < 2:
        return f"The difference is {'not ' if ties else ''}significant."
    if not ties:
        least = min(differences, key=lambda d: d.difference)
        return (
            "All differences are significant. The smallest is that between"
            f" {data.spoken(least.first)} and {data.spoken(least.second)}:"
            f" {numbers.bits_per_byte(least.difference)} bits per byte ({numbers.bits_per_byte(least.low)} to"
            f" {numbers.bits_per_byte(least.high)})."
        )
    found = len(differences) - len(ties)
    significant = (
        f"{found} of {numbers.count(len(differences))} differences {'is' if found == 1 else 'are'} significant"
    )
    return f"{significant}. Ties: {'; '.join(ties)}."
