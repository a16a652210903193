"""``lmcompare run``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmcompare.cli.app import InterruptedRunError, app, flag, folder_named, note, say
from lmcompare.cli.options import EXPERIMENT, declared, settings_of
from lmcompare.errors import LmcompareError
from lmcompare.harness.environment import GIVES_AWAY

if TYPE_CHECKING:
    from lmcompare.harness.experiment import Experiment


@app.command()
@declared(*EXPERIMENT)
def run(
    experiment: Annotated[
        Path | None, typer.Argument(metavar="EXPERIMENT.toml", help="An experiment file (default: the main job).")
    ] = None,
    *,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="DIR", help="The run folder (default: reports/NAME).")
    ] = None,
    force: Annotated[bool, flag("--force", help="Run finished cells again and replace them.")] = False,
    quiet: Annotated[bool, flag("--quiet", "-q", help="Show no progress.")] = False,
    **options: Any,
) -> None:
    """Train and score models on a corpus and write the report.

    Finished cells are kept: the same command continues where it stopped, and what is added later, another model or
    another value of a hyper-parameter, is run alone and joins the table.
    """
    from lmcompare.harness.progress import display
    from lmcompare.harness.run import run_with_fractions

    plan, base, folder = asked_for(experiment, out, options)
    show = display(quiet=quiet)
    try:
        command = shlex.join(["lmcompare", *sys.argv[1:]])
        outcome = run_with_fractions(plan, folder, base=base, force=force, show=show, command=command)
        show.say("Writing the report …")
        from lmcompare.report.build import write_reports
        from lmcompare.report.terminal import print_leaderboard

        _, missing = write_reports(folder)
    except KeyboardInterrupt:
        kept = f"finished models are kept in {folder}" if folder.exists() else "nothing was finished yet"
        raise InterruptedRunError(f"interrupted; {kept}, and the same command continues from there") from None
    print_leaderboard(folder)
    if plan.live_text:
        note(GIVES_AWAY)
    say(f"The report: {folder / 'report.html'}")
    failures = dict(outcome.failures)
    for cell, error in missing.items():  # also kept cells whose files are damaged
        if cell.rpartition("/")[0] in outcome.names.values():
            failures.setdefault(cell, error)
    if failures:
        sentences = "; ".join(f"{cell}: {error}" for cell, error in failures.items())
        raise LmcompareError(f"{len(failures)} of the cells failed, the others are in the report: {sentences}")


def asked_for(file: Path | None, out: str | None, options: Mapping[str, Any]) -> tuple[Experiment, Path, Path]:
    """Return the experiment that the arguments of the command ask for, what its paths are relative to, and the run
    folder.
    """
    from lmcompare.corpora import from_working_directory
    from lmcompare.harness.experiment import load, shipped
    from lmcompare.harness.overlay import overlaid

    corpus = options["corpus"]
    if file is None:
        plan, base = shipped(options["preset"] or "default", corpus), Path()
    else:
        plan, base = load(file), file.parent
        corpus = None if corpus is None else from_working_directory(corpus)
    plan = overlaid(plan, settings_of(EXPERIMENT, {**options, "corpus": corpus}))
    return plan, base, Path("reports") / plan.name if out is None else folder_named(out)
