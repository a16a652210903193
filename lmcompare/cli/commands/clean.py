"""``lmcompare clean``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lmcompare.cli.app import app, note, say


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
