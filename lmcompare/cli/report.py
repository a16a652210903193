"""``lmcompare report``, ``lmcompare clean`` and ``lmcompare probe``, for run folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmcompare.cli.app import app, flag, folder_named, note, say
from lmcompare.cli.options import PAGE, STUDIES, declared, plugins_listed, settings_of
from lmcompare.cli.trained import Dir, PluginOption, SeedOption, trained_models
from lmcompare.errors import LmcompareError
from lmcompare.harness.environment import GIVES_AWAY, PageOptions

if TYPE_CHECKING:
    from lmcompare.runfolder.probed import Accuracy, Probed


@app.command()
@declared(*PAGE, STUDIES)
def report(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Run folders.")],
    out: Annotated[
        str | None,
        typer.Option(
            "--out", "-o", metavar="FOLDER", help="Where the report of several runs goes (default: reports/joined)."
        ),
    ] = None,
    **options: Any,
) -> None:
    """Build the report of a run folder again from what it stores, or one report of several runs.

    Runs on the same text are in one table; other runs have tables of their own, with the reason.
    """
    from lmcompare.api import load
    from lmcompare.harness.overlay import from_here
    from lmcompare.report.finding import unverified
    from lmcompare.report.terminal import repeated_notes
    from lmcompare.report.write import rebuild, write_joined_report
    from lmcompare.runfolder.files import REMEDY
    from lmcompare.runfolder.guards import damage
    from lmcompare.runfolder.layout import STATE_FILES
    from lmcompare.runfolder.run import load_run
    from lmcompare.study import check_chosen

    chosen = options["study"] and [from_here(each) for each in plugins_listed(options["study"])]
    check_chosen(chosen or ())
    page_options = dict(settings_of(PAGE, options))
    PageOptions(**page_options)
    if page_options.get("live") not in (None, "none"):
        raise LmcompareError(
            "'lmcompare report' takes only --live none: use 'lmcompare run --live full' for whole copies of models"
        )
    if len(folders) > 1:
        if page_options:
            raise LmcompareError("--live and --live-text are for the report of one run: leave them out")
        failures = {folder: load(folder).failures for folder in folders}
        page = write_joined_report(folders, Path("reports") / "joined" if out is None else folder_named(out), chosen)
    elif out is not None:
        raise LmcompareError(
            "--out is for a report of several runs: leave it out, since the report of one run goes to its folder"
        )
    else:
        page, failed_here = rebuild(folders[0], page_options, chosen)
        failures = {folders[0]: failed_here}
        if page_options.get("live_text"):
            note(GIVES_AWAY)
    say(str(page))
    for sentence in repeated_notes(page.parent):
        note(sentence)
    for folder, failed in failures.items():
        where = f"{folder}: " if len(folders) > 1 else ""
        for cell, error in failed.items():
            note(f"{where}{cell} is not in the report: {error}")
        run = load_run(folder)
        for sentence in unverified(run.unverified):
            note(f"{where}{sentence}")
        for trained in run.cells:
            if trained.error is None and (lost := damage(trained.path / "model", STATE_FILES)):
                note(
                    f"{where}the trained model of {trained.name}/{trained.seed} can't be used any more, only its"
                    f" figures ({lost} is damaged or missing): {REMEDY}"
                )


@app.command()
def clean(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run folder.")],
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME...", help="Models of the run, with all their seeds; a,b is the same as a b."),
    ] = None,
) -> None:
    """Remove models from a run folder; without names, unfinished models and tokens that no model uses.

    Files that lmcompare did not write are left, and symbolic links are not followed. The report is built again, or
    removed with the last model.
    """
    from lmcompare.render import numbers
    from lmcompare.report.write import remove_report, write_reports
    from lmcompare.runfolder.cleaning import clean as clean_folder

    named = [part.strip() for name in names or () for part in name.split(",")]
    cleaned = clean_folder(folder, named)
    for place, size in cleaned.removed.items():
        say(f"removed {place} ({numbers.size(size)})")
    for path in cleaned.left:
        note(f"{path} was not removed: it is a symbolic link, or lmcompare did not write it")
    if not cleaned.removed:
        print("There is nothing to remove.")
        return
    print(f"{numbers.size(sum(cleaned.removed.values()))} freed.")
    if cleaned.has_models:
        say(f"The report: {write_reports(folder)[0]}")
    elif cleaned.has_models is False:
        remove_report(folder)
        note(f"no model is left in {folder}: its report is removed, too")


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
    from lmcompare.report.write import write_reports

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
