"""``lmcompare report`` and ``lmcompare clean``, for run folders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lmcompare.cli.app import app, folder_named, note, say
from lmcompare.cli.options import PAGE, STUDIES, declared, plugins_listed, settings_of
from lmcompare.errors import LmcompareError
from lmcompare.harness.environment import GIVES_AWAY, PageOptions


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
    from lmcompare.report.build import rebuild
    from lmcompare.report.terminal import repeated_notes
    from lmcompare.report.verdict import unverified
    from lmcompare.report.write import write_joined_report
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
    from lmcompare.report.build import write_reports
    from lmcompare.report.write import remove_report
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
