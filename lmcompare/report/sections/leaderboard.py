"""The leaderboard: ranked models with their intervals; set apart those that can't be ranked, with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from lmcompare.analysis.comparability import tokens_differ
from lmcompare.analysis.comparison import Difference, Standing
from lmcompare.report import numbers
from lmcompare.report.charts.intervals import Row, intervals, shared_scale, strip, strip_axis
from lmcompare.report.data import Model, ReportData, Section, grouped
from lmcompare.report.markdown import plain, table
from lmcompare.report.templating import fill

STRIP = (8.0, 212.0)  # pixels of the intervals in the table
ADAPTIVE = (
    "Each test document is scored by a model that has learnt from all test documents before it. The models above"
    " begin every document afresh: they answer a harder question, so the two kinds are not compared."
)
PRETRAINED = (
    "has read text other than train, perhaps this test text too: its figures are no measure of what train taught."
)
PERPLEXITIES = ("perplexity", "perplexity_excluding_unknown", "perplexity_reset")
PER_TOKEN = (*PERPLEXITIES, "top1_accuracy", "top5_accuracy")  # compared only where tokens are the same
HEADS = ("perplexity", "without unknown", "reset", "top-1", "top-5")  # of PER_TOKEN in Markdown


@dataclass(frozen=True)
class Line:
    """One row. ``figures``: the model's entry of results.json; ``comparable``: may its figures per token be shown?"""

    model: Model
    standing: Standing
    figures: Mapping[str, Any]
    comparable: bool
    strip: Markup | None = None

    @property
    def interval(self) -> str:
        """The 95 % interval in words, or nothing."""
        low, high = self.standing.low, self.standing.high
        return f"{numbers.bits_per_byte(low)} to {numbers.bits_per_byte(high)}" if low == low else ""

    @property
    def tags(self) -> list[str]:
        """What the reader should know of the model at a glance."""
        found = [word for word in ("adaptive", "pretrained") if self.model.entry.traits.get(word)]
        seeds = len(self.model.entry.done)
        if seeds > 1:
            spread = self.figures.get("bits_per_byte_spread")
            known = "" if spread is None else f", spread {numbers.bits_per_byte(spread)}"
            found.append(f"mean of {seeds} seeds{known}")
        if self.model.entry.failed:
            found.append(f"{numbers.plural(len(self.model.entry.failed), 'seed')} failed")
        return found

    @property
    def failed_details(self) -> list[str]:
        """What the failed truth checks found, each check once."""
        found: dict[str, str] = {}
        for check in self.model.entry.failed_checks:
            found.setdefault(str(check["name"]), f"{check['name']}: {check.get('detail') or 'no detail'}")
        return list(found.values())

    def figure(self, key: str) -> float | None:
        """Return a figure, or None where there is none or it may not stand beside the others."""
        value = self.figures.get(key)
        return None if value is None or (key in PER_TOKEN and not self.comparable) else float(value)


@dataclass(frozen=True)
class Apart:
    """Models of other tokens than most: the tokens' name, why their figures per token stand apart, and their rows."""

    name: str
    why: str
    lines: Sequence[Line]


@dataclass(frozen=True)
class Board:
    """One table of models that may be ranked against one another."""

    title: str
    note: str
    lines: Sequence[Line]
    axis: Markup | None
    reading: str


def build(data: ReportData, place: str = "") -> Section:
    """Return the section; ``place`` goes before its ids where a page has several."""
    boards = [
        board
        for group, title, note in (
            ("ranked", "", ""),
            ("adaptive", "Models that learn across test documents", ADAPTIVE),
        )
        if (board := _board(data, group, title, note)) is not None
    ]
    apart = [_line(data, model, standing) for model, standing in data.standings("not ranked")]
    failed = [model for model in data.models if not model.entry.done]
    others = [
        Apart(
            data.tokens_name(fp),
            tokens_differ(data.run, fp, data.main_tokens),
            [_line(data, m, data.comparison.standing(m.name), True) for m in models],
        )
        for fp, models in grouped([line.model for board in boards for line in board.lines]).items()
        if fp != data.main_tokens
    ]
    main = data.tokens_name(data.main_tokens) if data.main_tokens else ""
    html = fill(
        "leaderboard",
        place=place,
        boards=boards,
        apart=apart,
        failed=failed,
        others=others,
        main=main,
        pretrained=_pretrained(boards),
        main_fingerprint=data.main_tokens,
        comparison=data.comparison,
        differences=sorted(data.comparison.differences, key=lambda d: d.p_holm),
        difference_reading=_differences_reading(data.comparison.differences),
        by_name=data.by_name,
    )
    drawn = chart(data)
    charts = {} if drawn is None else {"leaderboard.svg": drawn}
    markdown = _markdown(boards, apart, failed, others, main, data)
    return Section("leaderboard", "Leaderboard", html, markdown, charts)


def chart(data: ReportData) -> Markup | None:
    """Return the intervals of the comparable models, the best first; None where there are none."""
    rows = [_row(_line(data, model, standing)) for model, standing in data.ranking]
    label = "Bits per byte of every ranked model with its 95 % interval"
    title = "Bits per byte with 95 % interval (less is better)"
    return intervals(rows, label, title, numbers.tidy, numbers.bits_per_byte) if rows else None


def _board(data: ReportData, group: str, title: str, note: str) -> Board | None:
    bare = [_line(data, model, standing) for model, standing in data.standings(group)]
    if not bare:
        return None
    rows = [_row(line) for line in bare]
    scale = shared_scale(rows, STRIP)
    lines = [
        Line(
            line.model,
            line.standing,
            line.figures,
            line.comparable,
            strip(
                row,
                scale,
                f"{line.model.name}: {numbers.bits_per_byte(row.value)}, 95 % {line.interval or 'unknown'}",
            ),
        )
        for line, row in zip(bare, rows, strict=True)
    ]
    return Board(title, note, lines, strip_axis(scale, numbers.tidy, "Axis of bits per byte"), _reading(data, bare))


def _line(data: ReportData, model: Model, standing: Standing, comparable: bool | None = None) -> Line:
    same = model.entry.tokens_fingerprint == data.main_tokens
    return Line(model, standing, data.figures.get(model.name, {}), same if comparable is None else comparable)


def _row(line: Line) -> Row:
    s = line.standing
    return Row(s.name, line.model.index, s.bits_per_byte, *((s.low, s.high) if s.low == s.low else (None, None)))


def _reading(data: ReportData, lines: Sequence[Line]) -> str:
    best, last = lines[0], lines[-1]
    figure = numbers.bits_per_byte(best.standing.bits_per_byte)
    said = f"{best.model.name} writes the test text with {figure} bits per byte"
    if len(lines) == 1:
        return said + "; nothing else is ranked with it."
    tied = [line.model.name for line in lines[1:] if line.standing.rank == best.standing.rank]
    if tied:
        said += f", but is not significantly better than {numbers.listed(tied)}"
    elif (gap := data.comparison.difference(lines[1].model.name, best.model.name)) is not None:
        said += (
            f", {numbers.bits_per_byte(gap.difference)} fewer than {lines[1].model.name} (95 %: "
            f"{numbers.bits_per_byte(gap.low)} to {numbers.bits_per_byte(gap.high)})"
        )
    if len(lines) > 2 or tied:
        share = 1 - best.standing.bits_per_byte / last.standing.bits_per_byte
        said += f", and {numbers.percent(share, 0)} fewer than {last.model.name}, the last"
    return f"{said}. {_shared_bits(lines)}".strip()


def _shared_bits(lines: Sequence[Line]) -> str:
    """Say how much of the figures is the same for all, where it is worth saying and they have the same tokens."""
    if len({line.model.entry.tokens_fingerprint for line in lines}) > 1:
        return ""
    shared = lines[0].figures.get("overhead_bits_per_byte")
    if shared is None or shared < 0.01 * lines[0].standing.bits_per_byte:
        return ""
    return (
        f"Of each figure {numbers.bits_per_byte(shared)} is the spelling of unknown words and what stands between"
        " tokens, the same for all."
    )


def _pretrained(boards: Sequence[Board]) -> list[str]:
    """Return a sentence on each model that has read more than train."""
    lines = [line for board in boards for line in board.lines]
    return [f"{line.model.name} {PRETRAINED}" for line in lines if line.model.entry.traits.get("pretrained")]


def _differences_reading(differences: Sequence[Difference]) -> str:
    if not differences:
        return ""
    ties = [d for d in differences if not d.significant]
    if not ties:
        return "All pairs differ significantly." if len(differences) > 1 else "The two differ significantly."
    said = f"Of {numbers.plural(len(differences), 'pair')}, {len(differences) - len(ties)} can be told apart"
    return said + (f". Not told apart: {'; '.join(f'{d.first} and {d.second}' for d in ties)}." if ties else ".")


def _markdown(
    boards: Sequence[Board],
    apart: Sequence[Line],
    failed: Sequence[Model],
    others: Sequence[Apart],
    main: str,
    data: ReportData,
) -> str:
    parts: list[str] = []
    for i, board in enumerate(boards):
        parts += [f"### {board.title}", board.note] if board.title else [""]
        if i == 0:
            parts.append("![Bits per byte with 95 % intervals](charts/leaderboard.svg)")
        parts.append(_quality(board.lines))
        parts.append(plain(board.reading))
    parts += [plain(said) for said in _pretrained(boards)]
    if others:
        parts.append(f"Figures per token above are for tokens “{plain(main)}”; they may not be compared with these:")
        for other in others:
            rows = ((plain(line.model.name), *_per_token(line)) for line in other.lines)
            parts += [f"{plain(other.why[:1].upper() + other.why[1:])}:"]
            parts.append(table((f"Tokens: {plain(other.name)}", *HEADS), rows))
    if apart:
        rows = (
            (
                plain(line.model.name),
                numbers.bits_per_byte(line.standing.bits_per_byte),
                plain(line.standing.reason or ""),
            )
            for line in apart
        )
        parts += ["### Not ranked", table(("model", "would-be bits per byte", "why it is not ranked"), rows)]
    if failed:
        errors = ((plain(m.name), plain(error)) for m in failed for error in m.errors)
        parts += ["### Failed", table(("model", "what happened"), errors, 2)]
    parts.append(plain(data.comparison.note))
    return "\n\n".join(part for part in parts if part)


def _quality(lines: Sequence[Line]) -> str:
    rows = (
        (
            str(line.standing.rank or numbers.NONE),
            f"**{plain(line.model.name)}**" + (f" ({', '.join(line.tags)})" if line.tags else ""),
            numbers.bits_per_byte(line.standing.bits_per_byte),
            line.interval or numbers.NONE,
            *_per_token(line),
        )
        for line in lines
    )
    return table(("rank", "model", "bits per byte", "95 % interval", *HEADS), rows, 2)


def _per_token(line: Line) -> list[str]:
    """The cells under ``HEADS``."""
    figures = [(key, line.figure(key)) for key in PER_TOKEN]
    return [numbers.perplexity(v) if key in PERPLEXITIES else numbers.percent(v) for key, v in figures]
