"""The leaderboard as ``lmcompare run`` prints it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lmcompare.analysis.leaderboard import Row, stored_rows
from lmcompare.analysis.repeats import FEW
from lmcompare.errors import without_controls
from lmcompare.render import numbers
from lmcompare.report.finding import unverified
from lmcompare.report.notes import (
    doubts,
    published_apart,
    published_figure,
    published_notes,
    repeated_note,
    sampled_notes,
)
from lmcompare.report.sections.leaderboard import PRETRAINED
from lmcompare.report.shown import shown
from lmcompare.runfolder.files import read_json
from lmcompare.runfolder.run import Run, load_run

HEADS = ("rank", "model", "bits/byte", "95 %", "perplexity", "top-1", "training", "per token")
WITHOUT_REPEATED = ("rank", "model", "bits/byte", "95 %", "with repeated text", "training", "per token")
NARROWEST = 80  # columns of a table: a terminal that has fewer wraps its lines, so that no figure is cut
WIDE = 1000  # columns of a file or a pipe, in which nothing is wrapped


def print_leaderboard(folder: Path) -> None:
    """Print the models of a run in the order of the leaderboard, and why some are tied or not ranked with the others.

    Perplexity and accuracy are left out for a model with other tokens than most models, since they cannot be
    compared. A model that is not ranked has its bits per byte in brackets, and a pre-trained one is marked. Of very
    many models those are printed that the report shows in full.
    """
    results = read_json(folder / "results.json")
    if results.get("forecasts"):
        _print_forecasts(results["forecasts"])
        return
    pretrained = {model["name"] for model in results["models"] if model["traits"].get("pretrained")}
    every = [row for row in stored_rows(results) if row.status != "failed"]
    in_full = shown(every)
    board = [row for row in every if row.name in in_full]
    run, apart = load_run(folder), results["repeated_text"]["test"]["left_out"]
    compressed = {} if apart else run.corpus.compressors
    for sentence in (*repeated_note(results, board, str), *doubts(board, results, compressed, str)):
        _say(sentence)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in WITHOUT_REPEATED if apart else HEADS:
        name = head == "model"
        table.add_column(head, justify="left" if name else "right", no_wrap=not name, overflow="fold")
    for row in board:
        cells = _cells(row, f"{row.name} (pre-trained)" if row.name in pretrained else row.name, apart)
        table.add_row(*map(Text, map(without_controls, cells)))
    print_table(table)  # a name is never cut: it is what other commands ask for
    if more := len(every) - len(board):
        _say(f"{numbers.plural(more, 'further model')}: results.csv has all figures.")
    if board and not results["interval"]["resamples"]:
        _say(results["interval"]["note"])
    for said in sampled_notes(results):
        _say(said)
    if unknown := [row for row in board if row.hides_perplexity and row.same_tokens]:
        share = numbers.percent(unknown[0].unknown_share, 0)
        _say(
            f"{share} of the test tokens are unknown words: perplexity, which counts them as one token, is not shown."
        )
    for row in board:
        if row.name in pretrained:
            _say(f"{row.name} {PRETRAINED}")
    for row in board:
        if row.reason:
            status = "ranked separately" if row.status == "adaptive" else "not ranked"
            _say(f"{row.name} is {status}, because {row.reason}.")
    for sentence in unverified(results["unverified"]):
        _say(sentence)
    others: dict[str, list[str]] = {}
    for row in board:
        if not row.same_tokens:
            others.setdefault(str(row.tokens), []).append(row.name)
    for tokens, names in others.items():
        read, their = ("reads", "its") if len(names) == 1 else ("read", "their")
        said = f"{numbers.listed(names)} {read} other tokens ({tokens})"
        _say(f"{said}: compare {their} bits per byte, not {their} perplexity.")
    if lacking := _seldom(run):
        _say(
            f"Not shown in several contexts: {numbers.listed(lacking)}, because each is not a token of the vocabulary"
            " or occurs fewer than twice in prompts and test text."
        )
    _print_published(results)


def repeated_notes(folder: Path) -> list[str]:
    """Return of each table of a written report how much of its test text is earlier text, if it matters."""
    written, said = read_json(folder / "results.json"), []
    for table in written.get("tables", [{"name": "", "results": written}]):
        if table["results"]["repeated_text"]["test"]["share"] > FEW:
            about = f"{table['name']}: " if table["name"] else ""
            said += [about + note for note in repeated_note(table["results"], stored_rows(table["results"]), str)]
    return said


def _seldom(run: Run) -> list[str]:
    """Return the words that have fewer than two contexts in every model, so that they can't be shown."""
    most: dict[str, int] = {}
    for model in run.scored:
        for entry in ((model.first.measured("contexts") if model.first else None) or {}).get("words", ()):
            most[str(entry["word"])] = max(most.get(str(entry["word"]), 0), len(entry["contexts"]))
    return [word for word, contexts in most.items() if contexts < 2]


def _print_forecasts(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the methods of a run on series, the best first."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in ("method", "scaled CRPS", "95 %", "MASE", "80 % band", "nats/step", "time"):
        table.add_column(head, justify="left" if head == "method" else "right", no_wrap=head != "method")
    for row in rows:
        crps, nats = row["scaled_crps"], row["nats_per_step"]
        known = crps[1] is not None
        cells = [
            f"{row['title']} (classical)" if row["classical"] else str(row["name"]),
            numbers.decimals(crps[0], 3),
            f"{numbers.decimals(crps[1], 2)} to {numbers.decimals(crps[2], 2)}" if known else numbers.NONE,
            numbers.decimals(row["mase"][0], 3),
            numbers.percent(row["coverage"]["80"][0], 0),
            numbers.NONE if nats is None else numbers.decimals(nats[0], 3),
            numbers.seconds(row["seconds"]),
        ]
        table.add_row(*map(Text, map(without_controls, cells)))
    print_table(table)


def print_table(table: Table) -> None:
    """Print a table to a terminal, a file or a pipe."""
    console = Console()
    Console(width=max(NARROWEST, console.width) if console.is_terminal else WIDE).print(table)


def _print_published(results: Mapping[str, Any]) -> None:
    """Print the figures of papers that the run can be compared with, and why it cannot be with others."""
    shown = [row for row in results["published"] if row["reason"] is None]
    if shown:
        table = Table(box=None, pad_edge=False, header_style="dim", title_justify="left")
        table.title = "Published, not run here"
        for head in ("model", "published", "unit", "best here", "source"):
            right = head in ("published", "best here")
            table.add_column(head, justify="right" if right else "left", overflow="fold")
        for row in shown:
            best = numbers.NONE if row["best"] is None else published_figure(row["best"]["figure"], row["unit"])
            cells = (
                row["name"],
                published_figure(row["figure"], row["unit"]),
                f"{row['unit']}, {row['split']}",
                best,
            )
            table.add_row(*map(Text, map(without_controls, (*cells, row["source"]))))
        print_table(table)
    for said in (*published_notes(results), *published_apart(results)):
        _say(said)


def _say(sentence: str) -> None:
    print(without_controls(sentence))


def _cells(row: Row, name: str, apart: bool) -> list[str]:
    ranked = row.status != "not ranked"
    figure = numbers.bits_per_byte(row.compared)
    low, high = row.interval if row.interval and ranked else (None, None)
    per_token = [
        numbers.perplexity(row.figure("perplexity") if ranked else None),
        numbers.percent(row.figure("top1_accuracy") if ranked else None),
    ]
    return [
        numbers.ranks(row.rank_low, row.rank_high) if row.status == "ranked" else numbers.NONE,
        name,
        figure if ranked else f"({figure})",
        numbers.NONE if low is None else f"{numbers.decimals(low, 2)}–{numbers.decimals(high, 2)}",
        *([numbers.bits_per_byte(row.bits_per_byte)] if apart else per_token),
        numbers.seconds(row.processor_seconds),
        numbers.microseconds(row.microseconds_per_token),
    ]
