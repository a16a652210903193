"""``lmcompare run``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmcompare.cli.app import InterruptedRunError, app, flag, folder_named, note, say
from lmcompare.cli.options import declared, listed, of
from lmcompare.corpora.options import CorpusOptions
from lmcompare.errors import LmcompareError, expanded
from lmcompare.harness.options import GIVES_AWAY, PageOptions, RunOptions

if TYPE_CHECKING:
    from lmcompare.harness.experiment import Experiment


@app.command()
@declared(RunOptions, CorpusOptions, PageOptions)
def run(
    experiment: Annotated[
        Path | None, typer.Argument(metavar="EXPERIMENT.toml", help="An experiment file (default: the main job).")
    ] = None,
    corpus: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC", help="A name, nltk:NAME, hf:NAME, a file, a folder, - or train=A,valid=B,test=C."
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", metavar="NAME", help="Run only these models, a,b; can be repeated."),
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="DIR", help="The run folder (default: reports/NAME).")
    ] = None,
    seed: Annotated[list[str] | None, typer.Option(metavar="N", help="One or more seeds, a,b.")] = None,
    match: Annotated[
        list[str] | None,
        typer.Option(metavar="WHAT=N", help="Make models equal in parameters, steps, tokens, epochs or seconds."),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="MODEL.KEY=VALUE",
            help="A model's hyper-parameter (a JSON value), or its tokens; can be repeated.",
        ),
    ] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL.KEY=VALUE,…",
            help="Values of a hyper-parameter; one is chosen on the validation text. Repeat the option for "
            "a grid. With --search also a range: LOW..HIGH or LOW..HIGH:log.",
        ),
    ] = None,
    search: Annotated[
        str | None,
        typer.Option(metavar="METHOD", help="Try some settings of the sweep instead of the grid: tpe or random."),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(metavar="N", help="How many settings of each model --search tries (default: 30).")
    ] = None,
    fractions: Annotated[
        str | None,
        typer.Option(
            metavar="X,X,…,1", help="Train on these shares of the training text, too, and draw curves over its size."
        ),
    ] = None,
    prompt: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="A prompt to continue; can be repeated.")
    ] = None,
    word: Annotated[
        list[str] | None, typer.Option(metavar="WORD", help="A word to show in several contexts; can be repeated.")
    ] = None,
    tokens: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="word, whitespace, char, byte, bpe:PIECES, a tokenizer.json or your own."),
    ] = None,
    min_count: Annotated[
        int | None, typer.Option(metavar="N", help="Tokens that occur less often in the training text are unknown.")
    ] = None,
    vocabulary_size: Annotated[
        int | None, typer.Option(metavar="N", help="The most types that the vocabulary may have.")
    ] = None,
    force: Annotated[bool, flag("--force", help="Run finished cells again and replace them.")] = False,
    quiet: Annotated[bool, flag("--quiet", "-q", help="Show no progress.")] = False,
    **options: Any,
) -> None:
    """Train and score models on a corpus and write the report.

    Finished cells are kept: the same command continues where it stopped, and what is added later, another model or
    another value of a hyper-parameter, is run alone and joins the table.
    """
    from lmcompare.harness.fractions import run_with_fractions
    from lmcompare.harness.progress import display

    given = {"experiment": experiment, "corpus": corpus, "model": model, "out": out, "seed": seed, "match": match}
    given |= {"parameter": parameter, "sweep": sweep, "search": search, "fractions": fractions}
    given |= {"prompt": prompt, "word": word, "tokens": tokens}
    numbers = {"trials": trials, "min_count": min_count, "vocabulary_size": vocabulary_size}
    plan, base, folder = asked_for({**given, **numbers, **options})
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


def asked_for(given: Mapping[str, Any]) -> tuple[Experiment, Path, Path]:
    """Return the experiment that these arguments of the command ask for, what its paths are relative to, and the run
    folder.
    """
    from lmcompare.harness import changes

    file: Path | None = given["experiment"]
    plan, base = changes.started(file, given["preset"])
    chosen = of(RunOptions, given) | of(PageOptions, given)
    fractions = changes.numbers_of(given["fractions"], "--fractions") if given["fractions"] is not None else None
    plan = plan.replace(changes.HERE, **chosen, seeds=listed(given["seed"]) or None, fractions=fractions)
    plan = changes.with_corpus(plan, given["corpus"], of(CorpusOptions, given), file)
    tokens = {"kind": given["tokens"], "min_count": given["min_count"], "size": given["vocabulary_size"]}
    plan = changes.with_tokens(plan, tokens)
    if models := _listed_plugins(given["model"]):
        plan = changes.with_models(plan, models)
    plan = changes.with_sweep(plan, given["sweep"] or ())
    plan = changes.with_search(plan, {"method": given["search"], "trials": given["trials"]})
    plan = changes.with_hyperparameters(plan, given["parameter"] or ())
    plan = changes.with_match(plan, changes.amounts(listed(given["match"])))
    plan = changes.with_examples(plan, given["prompt"], given["word"])
    out: str | None = given["out"]
    return plan, base, Path("reports") / plan.name if out is None else folder_named(out)


def _listed_plugins(values: list[str] | None) -> tuple[str, ...]:
    """Return the plug-ins of a repeated option; the path of a file may contain commas."""
    found: list[str] = []
    for value in values or ():
        home, _, name = value.rpartition(":")
        whole = "," in home and "," not in name and expanded(home).is_file()
        found += [value] if whole else listed([value])
    return tuple(found)
