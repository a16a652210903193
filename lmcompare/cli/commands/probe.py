"""``lmcompare probe``: minimal pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from lmcompare.cli.app import app, flag, note, say
from lmcompare.cli.commands.trained import Dir, PluginOption, SeedOption, trained_models

if TYPE_CHECKING:
    from lmcompare.runfolder.probed import Accuracy, Probed


@app.command()
def probe(
    pairs: Annotated[
        str,
        typer.Argument(
            metavar="PAIRS", help="Minimal pairs: a .jsonl file in BLiMP's format, a folder of these, or english."
        ),
    ],
    folder: Dir,
    model: Annotated[
        str | None, typer.Option("--model", "-m", metavar="NAME", help="Models of the run, a,b (default: all).")
    ] = None,
    seed: SeedOption = None,
    plugin: PluginOption = None,
    json: Annotated[bool, flag("--json", help="Print JSON lines instead of a table.")] = False,
) -> None:
    """Ask which of two sentences a model finds more likely: accuracy on minimal pairs, by phenomenon.

    english is sixty pairs over six phenomena that come with lmcompare. Answers are stored with the models, and the
    report shows them.
    """
    from dataclasses import asdict
    from json import dumps

    from lmcompare.probes import ask, read_pairs, store
    from lmcompare.report.build import write_reports

    asked = read_pairs(pairs)
    models = trained_models(folder, model, seed, plugin)
    answers = {name: ask(each, asked) for name, each in models.items()}
    if json:
        for name, probed in answers.items():
            for row in probed.rows:
                say(dumps({"model": name} | asdict(row), ensure_ascii=False))
    else:
        _print_table(answers)
        say("Accuracy in percent, with its 95 % interval; guessing is right for 50 %.")
    if little := [name for name, each in answers.items() if 2 * each.whole.unknown > each.whole.pairs]:
        note(
            f"most pairs differ in a word that is not in the vocabulary of {', '.join(little)}: these figures say"
            " little; train on a longer text"
        )
    store(folder, answers, models)  # after the table, which a folder that can't be written does not take away
    report = write_reports(folder)[0]
    if not json:
        say(f"The report: {report}")


def _print_table(answers: Mapping[str, Probed]) -> None:
    from rich.table import Table
    from rich.text import Text

    from lmcompare.errors import without_controls
    from lmcompare.report.terminal import print_table
    from lmcompare.runfolder.probed import phenomena_of

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("phenomenon", "pairs", *answers):
        left = heading == "phenomenon"
        table.add_column(heading, justify="left" if left else "right", no_wrap=not left, overflow="fold")
    for phenomenon in phenomena_of(list(answers.values())):
        rows = [next(row for row in each.rows if row.phenomenon == phenomenon) for each in answers.values()]
        table.add_row(Text(without_controls(phenomenon or "all")), f"{rows[0].pairs:,}", *map(_cell, rows))
    whole = [each.whole.unknown for each in answers.values()]
    if any(whole):
        table.add_row("pairs that differ in an unknown word", "", *(f"{n:,}" for n in whole))
    print_table(table)


def _cell(row: Accuracy) -> str:
    return f"{100 * row.accuracy:.0f} ({100 * row.low:.0f}–{100 * row.high:.0f})"
