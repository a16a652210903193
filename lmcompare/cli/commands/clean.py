"""``lmcompare clean``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lmcompare.cli.app import app, note


@app.command()
def clean(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run folder.")],
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="Models of the run, with all their seeds.")
    ] = None,
) -> None:
    """Remove models from a run folder; without names, what is of no use: unfinished models and tokens of no model.

    Files that lmcompare did not write are left, and symbolic links are not followed. The report is built again.
    """
    from lmcompare.report import numbers
    from lmcompare.report.build import write_reports
    from lmcompare.runfolder.cleaning import clean as clean_folder

    cleaned = clean_folder(folder, names or ())
    for place, size in cleaned.removed.items():
        print(f"removed {place} ({numbers.size(size)})")
    for path in cleaned.left:
        note(f"{path} is left: it is a symbolic link, or lmcompare did not write it")
    if not cleaned.removed:
        print("There is nothing to remove.")
        return
    print(f"{numbers.size(sum(cleaned.removed.values()))} freed.")
    if cleaned.has_models:
        print(f"The report: {write_reports(folder)[0]}")
    else:
        note(f"no model is left in {folder}: a report that is there stays as it is")
