"""``lmcompare lab``: list the experiments of the laboratory, and run them."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from lmcompare.cli.app import InterruptedRunError, app, flag, folder_named, note, say
from lmcompare.cli.options import CORPUS, READING, RUN, SEEDS, TOKENIZER, Settings, declared, settings_of
from lmcompare.errors import LmcompareError
from lmcompare.run_mark import MANIFEST

ASKED = (CORPUS, TOKENIZER, SEEDS, *RUN, *READING)


@app.command()
@declared(*ASKED)
def lab(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Experiments (default: list them).", show_default=False)
    ] = None,
    *,
    every: Annotated[bool, flag("--all", help="Run all experiments.")] = False,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="DIR", help="The folder (default: reports/lab).")
    ] = None,
    force: Annotated[bool, flag("--force", help="Make finished models and findings again.")] = False,
    quiet: Annotated[bool, flag("--quiet", "-q", help="Show no progress.")] = False,
    **options: Any,
) -> None:
    """Run controlled experiments: what is each idea worth on this text?

    Without a name, the experiments are listed with their questions. Each model is trained with the seeds 0, 1 and 2
    (with --preset quick: 0) unless you give --seed. Trained models are kept: the same command
    continues where it stopped, and experiments that need the same model share it.
    """
    from lmcompare.harness.progress import display
    from lmcompare.lab import EXPERIMENTS, experiment_names

    installed = experiment_names()
    if not names and not every:
        given = {**options, "out": out, "force": force}
        if meant := next((key for key, value in given.items() if value), ""):
            meant = meant.replace("_", "-")
            raise LmcompareError(f"--{meant} has no effect without experiments: name some, or give --all")
        width = max(map(len, installed), default=0)
        for name in installed:
            print(f"{name:<{width}}  {EXPERIMENTS.resolve(name).question}")
        return
    if names and every:
        raise LmcompareError("--all runs every experiment: leave it out, or leave the names out")
    from lmcompare.analysis.findings import read_findings
    from lmcompare.harness.experiment import shipped
    from lmcompare.harness.overlay import overlaid
    from lmcompare.lab.findings import path_of, see_that_it_is_there
    from lmcompare.lab.page import write_page
    from lmcompare.lab.run import run_lab
    from lmcompare.report.write import rebuild

    preset, corpus = options["preset"] or "default", options["corpus"]
    settings: Settings = [
        ("name", "lab" if corpus is None else None),
        ("seeds", (0,) if preset == "quick" else (0, 1, 2)),
    ]
    plan = overlaid(shipped(preset, corpus), settings + settings_of(ASKED, options))
    folder = _folder(plan.name, plan.preset, corpus) if out is None else folder_named(out)
    show = display(quiet=quiet)
    command = shlex.join(["lmcompare", *sys.argv[1:]])
    try:
        asked = installed if every else names or []
        outcome = run_lab(asked, plan, folder, show, command=command, alone=not every, force=force)
        for name, lacking in outcome.left_out.items():
            note(f"the experiment '{name}' is left out: it {lacking}")
        see_that_it_is_there(folder)
        page = write_page(folder, outcome.left_out, outcome.failures)
    except KeyboardInterrupt:
        kept = f"finished models and findings are kept in {folder}" if folder.exists() else "nothing was finished yet"
        raise InterruptedRunError(f"interrupted; {kept}, and the same command continues from there") from None
    for name in outcome.measured:
        found = read_findings(path_of(folder, name))
        assert found is not None
        say(f"{name}{'' if found.decides else ' (preview, no verdict)'}: {found.verdict}")
    say(f"The page: {page}")
    if (folder / MANIFEST).is_file():
        try:
            say(f"The report of the run in this folder shows it, too: {rebuild(folder)[0]}")
        except LmcompareError as error:
            note(f"the report of the run in this folder could not be updated: {error}")
    if outcome.failures:
        sentences = "; ".join(f"{name}: {error}" for name, error in outcome.failures.items())
        raise LmcompareError(f"{len(outcome.failures)} of the experiments failed: {sentences}")


def _folder(name: str, preset: str, corpus: str | None) -> Path:
    """Return the folder that is used without --out: the corpus and the preset are parts of its name."""
    if corpus is not None:
        return Path("reports") / f"lab-{name}"
    return Path("reports") / ("lab" if preset == "default" else f"lab-{preset}")
